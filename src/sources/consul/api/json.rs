//! The tree from values and back, where nothing has a place in a text.

use serde_json::{Map, Number, Value as Json};

use crate::syntax::tree::{Key, NULL, Tree, Value};

pub(super) fn tree(value: Value) -> Tree {
    Tree { span: 0..0, value }
}

pub(super) fn text(text: &str) -> Tree {
    tree(Value::String(text.to_owned()))
}

pub(super) fn table(entries: Vec<(&str, Tree)>) -> Tree {
    let key = |text: &str| Key { text: text.to_owned(), span: 0..0 };
    tree(Value::Table(entries.into_iter().map(|(text, value)| (key(text), value)).collect()))
}

pub(super) fn from_json(json: &Json) -> Tree {
    match json {
        Json::Null => tree(NULL),
        Json::Bool(yes) => tree(Value::Boolean(*yes)),
        Json::Number(number) => tree(match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::INFINITY)),
        }),
        Json::String(said) => text(said),
        Json::Array(items) => tree(Value::List(items.iter().map(from_json).collect())),
        Json::Object(map) => {
            table(map.iter().map(|(key, value)| (&**key, from_json(value))).collect())
        }
    }
}

pub(super) fn to_json(tree: &Tree) -> Json {
    match &tree.value {
        Value::String(text) => Json::String(text.clone()),
        Value::Integer(number) => Json::Number((*number).into()),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Boolean(yes) => Json::Bool(*yes),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Table(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.text.clone(), to_json(value)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
        Value::Other(_) => Json::Null,
    }
}
