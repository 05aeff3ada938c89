//! Tokens to an expression: `or` binds least, then `and`, then `not`.

use crate::http::consul::filter::evaluate::{Expression, Match};
use crate::http::consul::filter::fields::Fields;
use crate::http::consul::filter::lexer::{Kind, Mistake, Token};
use crate::http::consul::filter::resolve::{Operator, condition, resolve};

/// Nobody writes more by hand, and each parenthesis is a call within a call.
const MAX_DEPTH: usize = 32;
/// Twice what go-bexpr advises. Each may be a pattern of some hundred KiB, and is asked of each
/// element of an answer.
const MAX_CONDITIONS: usize = 64;

pub(super) fn parse(
    tokens: &[Token],
    end: usize,
    fields: &'static Fields,
) -> Result<Expression, Mistake> {
    let mut parser = Parser { tokens, end, fields, depth: 0, conditions: 0 };
    let expression = parser.any()?;
    match parser.tokens {
        [] => Ok(expression),
        _ => parser.wrong("the expression ends before this: write \"and\" or \"or\" between two"),
    }
}

struct Parser<'a> {
    /// What is not read yet.
    tokens: &'a [Token],
    end: usize,
    fields: &'static Fields,
    depth: usize,
    conditions: usize,
}

impl<'a> Parser<'a> {
    fn at(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.at)
    }

    fn wrong<T>(&self, words: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { at: self.at(), words: words.into() })
    }

    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.first().map(|token| &token.kind)
    }

    fn step(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Kind::Path(path)) if *path == [keyword]);
        if is_next {
            self.step();
        }
        is_next
    }

    fn any(&mut self) -> Result<Expression, Mistake> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn all(&mut self) -> Result<Expression, Mistake> {
        let mut parts = vec![self.negation()?];
        while self.takes("and") {
            parts.push(self.negation()?);
        }
        Ok(Expression::All(parts))
    }

    fn negation(&mut self) -> Result<Expression, Mistake> {
        let mut is_negated = false;
        while self.takes("not") {
            is_negated = !is_negated;
        }
        let expression = self.group()?;
        Ok(if is_negated { Expression::Not(Box::new(expression)) } else { expression })
    }

    fn group(&mut self) -> Result<Expression, Mistake> {
        if self.peek() != Some(&Kind::Open) {
            return self.comparison();
        }
        if self.depth == MAX_DEPTH {
            return self.wrong(format!("more than {MAX_DEPTH} parentheses within each other"));
        }
        let open = self.at();
        self.step();
        self.depth += 1;
        let expression = self.any()?;
        self.depth -= 1;
        match self.peek() {
            Some(Kind::Close) => self.step(),
            Some(_) => return self.wrong("write \"and\", \"or\" or a closing parenthesis"),
            None => {
                let words = "the parenthesis is not closed".to_owned();
                return Err(Mistake { at: open, words });
            }
        }
        Ok(expression)
    }

    fn comparison(&mut self) -> Result<Expression, Mistake> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return self.wrong(format!("more than {MAX_CONDITIONS} conditions"));
        }
        let mut selector = self.at();
        let first = self.operand("a selector or a value")?;
        let after = self.at();
        let (operator, negated, word) = self.operator()?;
        let (path, value) = match (word, operator) {
            ("in", _) => {
                selector = self.at();
                (self.operand("a selector")?, Some(first))
            }
            (_, Operator::Empty) => (first, None),
            _ => (first, Some(self.operand("a value")?)),
        };
        let Kind::Path(path) = path else {
            let words = "a selector stands here, like Service or Meta[\"key\"], and not a value";
            return Err(Mistake { at: selector, words: words.to_owned() });
        };
        let (path, kind) =
            resolve(self.fields, path).map_err(|words| Mistake { at: selector, words })?;
        let condition = condition(kind, operator, value.map(said))
            .map_err(|words| Mistake { at: after, words })?;
        Ok(Expression::Match(Match { path, condition, negated }))
    }

    fn operand(&mut self, what: &str) -> Result<&'a Kind, Mistake> {
        match self.peek() {
            Some(operand @ (Kind::Path(_) | Kind::Number(_) | Kind::Text(_))) => {
                self.step();
                Ok(operand)
            }
            _ => self.wrong(format!("{what} is missing")),
        }
    }

    /// The operator, whether it is negated, and its first word.
    fn operator(&mut self) -> Result<(Operator, bool, &'static str), Mistake> {
        if let Some(kind @ (Kind::Equal | Kind::NotEqual)) = self.peek() {
            self.step();
            return Ok((Operator::Equal, *kind == Kind::NotEqual, ""));
        }
        if self.takes("is") {
            let negated = self.takes("not");
            if !self.takes("empty") {
                return self.wrong("write \"is empty\" or \"is not empty\"");
            }
            return Ok((Operator::Empty, negated, "is"));
        }
        let negated = self.takes("not");
        let words =
            [("in", Operator::In), ("contains", Operator::In), ("matches", Operator::Match)];
        let found = words.into_iter().find(|(word, _)| self.takes(word));
        match found {
            Some((word, operator)) => Ok((operator, negated, word)),
            None => self.wrong(
                "an operator is missing: write ==, !=, [not] in, [not] contains, [not] matches or \
                 is [not] empty",
            ),
        }
    }
}

/// A bare word is a value, too.
fn said(value: &Kind) -> String {
    match value {
        Kind::Path(path) => path.join("."),
        Kind::Number(text) | Kind::Text(text) => text.clone(),
        Kind::Open | Kind::Close | Kind::Equal | Kind::NotEqual => String::new(),
    }
}
