//! `GET /v1/livezone/openapi.json`: this API, described for programs.

mod table;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::http::json;
use crate::http::openapi::table::{Answer, Body, OPERATIONS, Operation, Parameter, Schema};

/// Of whatever is asked: a wrong parameter or Host, a page of another site, another host's name.
const OF_ALL: [u16; 3] = [400, 403, 421];

pub(super) fn answer() -> Response {
    json(&document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "livezone",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
    })
}

fn describe(operation: &Operation) -> Value {
    let names = operation.path.split(['{', '}']).skip(1).step_by(2);
    let in_path = names
        .map(|name| parameter(name, "path", true, &json!({ "type": "string", "minLength": 1 })));
    let in_query = operation.query.iter().map(|Parameter { name, required, schema: of }| {
        parameter(name, "query", *required, &schema(of))
    });
    let responses: Map<String, Value> = OF_ALL
        .iter()
        .chain(operation.statuses)
        .map(|status| (status.to_string(), response(*status, operation)))
        .collect();
    let mut described = json!({
        "summary": operation.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": responses,
    });
    if let Some(of) = operation.body {
        let content = json!({ "application/json": { "schema": body(of) } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn parameter(name: &str, place: &str, required: bool, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

fn schema(schema: &Schema) -> Value {
    match schema {
        Schema::Text | Schema::Flag => json!({ "type": "string" }),
        Schema::Boolean => json!({ "type": "boolean" }),
        Schema::Duration => json!({ "type": "string", "pattern": "^[0-9]{1,3}(ms|s|m)$" }),
        Schema::OneOf(words) => json!({ "enum": words }),
    }
}

fn response(status: u16, operation: &Operation) -> Value {
    let is_success = operation.statuses.first() == Some(&status);
    // Errors are words; `/health/ready` says in JSON why it is not.
    let content = match operation.answer {
        Answer::Nothing if is_success => json!({}),
        Answer::Json if is_success => json!({ "application/json": {} }),
        Answer::Json | Answer::Either => json!({ "application/json": {}, "text/plain": {} }),
        Answer::Text | Answer::Nothing => json!({ "text/plain": {} }),
    };
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let words = status.canonical_reason().unwrap_or_default();
    json!({ "description": words, "content": content })
}

fn body(body: Body) -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "pattern": "^[1-9][0-9]?s$" });
    match body {
        Body::Update => json!({
            "type": "object", "required": ["Status"],
            "properties": { "Status": { "enum": ["passing", "warning", "critical"] }, "Output": text },
        }),
        Body::Check => json!({
            "type": "object", "required": ["Name"],
            "properties": {
                "Name": text, "CheckID": text, "ServiceID": text, "Notes": text, "TTL": time,
                "HTTP": text, "TCP": text, "GRPC": text, "Interval": time, "Timeout": time,
                "Status": { "enum": ["passing", "warning", "critical"] },
            },
        }),
        Body::Service => json!({
            "type": "object", "required": ["Name"],
            "properties": {
                "Name": { "type": "string", "pattern": "^[a-z][a-z0-9]{0,20}$" },
                "ID": text, "Address": text,
                "Port": { "type": "integer", "minimum": 0, "maximum": 65535 },
                "Tags": { "type": "array", "items": text },
                "Meta": { "type": "object", "additionalProperties": text },
                "Check": self::body(Body::Check),
                "Checks": { "type": "array", "items": self::body(Body::Check) },
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::http::openapi::document;
    use crate::http::routes;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routes = routes();
        let methods = |methods: &'static str| methods.split(", ").map(str::to_ascii_lowercase);
        let served: BTreeSet<(String, String)> = routes
            .iter()
            .flat_map(|route| methods(route.methods).map(|m| (route.path.replace('*', ""), m)))
            .collect();
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, on)| {
                on.as_object().unwrap().keys().map(|m| (path.clone(), m.clone()))
            })
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn what_stands_in_braces_is_a_parameter_of_the_path() {
        let document = document();
        let force = &document["paths"]["/v1/livezone/force/{service}/{id}"]["put"];
        let names: Vec<_> =
            force["parameters"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["service", "id", "state", "reason", "for"]);
        assert_eq!(force["responses"]["409"]["description"], "Conflict");
    }
}
