//! Filter expressions: go-bexpr's language, as Consul 1.10 has it.

mod evaluate;
pub mod fields;
mod lexer;
mod parse;
mod resolve;

use serde_json::Value;

use crate::http::consul::filter::evaluate::Expression;
use crate::http::consul::filter::fields::Fields;
use crate::http::consul::filter::lexer::Mistake;

/// In octets.
const MAX_LENGTH: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Filter(Expression);

impl Filter {
    /// # Errors
    ///
    /// What is wrong in words, with the character at which.
    pub fn parse(text: &str, fields: &'static Fields) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("the expression has more than {} KiB", MAX_LENGTH / 1024));
        }
        let parsed =
            lexer::tokens(text).and_then(|tokens| parse::parse(&tokens, text.len(), fields));
        parsed.map(Self).map_err(|Mistake { at, words }| {
            let character = text.get(..at).unwrap_or(text).chars().count() + 1;
            format!("at character {character}: {words}")
        })
    }

    /// Whether this is an element that is asked for.
    pub fn matches(&self, document: &Value) -> bool {
        self.0.matches(document)
    }
}

#[cfg(test)]
mod tests;
