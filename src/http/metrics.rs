//! `GET /metrics`, in the form that the scraper prefers.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::http::Face;
use crate::metrics::Exposition;

pub(super) async fn scrape(State(face): State<Face>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let exposition = preferred(accepted.flat_map(|value| value.split(',')));
    let body = face.metrics.render(exposition);
    ([(CONTENT_TYPE, exposition.content_type())], body).into_response()
}

/// `OpenMetrics` when it is named and no text is liked better. `*/*` names neither: whoever looks
/// with curl reads the plainer one.
fn preferred<'a>(ranges: impl Iterator<Item = &'a str>) -> Exposition {
    let (mut text, mut open) = (0.0, 0.0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let best: &mut f32 = match parts.next().map(str::to_ascii_lowercase).as_deref() {
            Some("application/openmetrics-text") => &mut open,
            Some("text/plain" | "text/*") => &mut text,
            Some(_) | None => continue,
        };
        *best = best.max(quality(parts));
    }
    if open > 0.0 && open >= text { Exposition::OpenMetrics } else { Exposition::Text }
}

/// RFC 9110 section 12.4.2: without a weight it is 1; what is no weight asks for nothing.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    let weight = parameters.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &str) -> Exposition {
        preferred(accept.split(','))
    }

    #[test]
    fn open_metrics_is_for_those_who_name_it() {
        assert_eq!(asked("application/openmetrics-text"), Exposition::OpenMetrics);
        assert_eq!(asked("application/openmetrics-text; version=1.0.0"), Exposition::OpenMetrics);
        for other in ["", "*/*", "text/plain", "application/openmetrics-text;q=0", "text/html"] {
            assert_eq!(asked(other), Exposition::Text, "{other}");
        }
    }

    #[test]
    fn of_two_forms_the_heavier_is_taken() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          text/plain;version=0.0.4;q=0.2, */*;q=0.1";
        assert_eq!(asked(prometheus), Exposition::OpenMetrics);
        assert_eq!(asked("application/openmetrics-text;q=0.3, text/plain"), Exposition::Text);
    }
}
