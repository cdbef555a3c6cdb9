//! dbt's adapter response, as `load_result(...).response` gives it.

use crate::bridge::StatementResponse;
use crate::{Object, Value};
use serde_json::{Map, Value as Json};

#[derive(Debug)]
pub(crate) struct ResponseValue(pub(crate) StatementResponse);

impl Object for ResponseValue {
    fn type_name(&self) -> &str {
        "AdapterResponse"
    }

    fn display(&self) -> String {
        self.0.message.clone()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "_message" | "message" => Some(Value::from(self.0.message.as_str())),
            "code" => Some(Value::from(self.0.code.clone())),
            "rows_affected" => Some(Value::from(self.0.rows_affected)),
            other => self.0.extra.get(other).map(Value::from),
        }
    }

    fn to_json(&self) -> Option<Json> {
        let mut map = Map::new();
        map.insert("_message".to_owned(), Json::from(self.0.message.as_str()));
        map.insert("code".to_owned(), Json::from(self.0.code.clone()));
        map.insert("rows_affected".to_owned(), Json::from(self.0.rows_affected));
        map.extend(self.0.extra.clone());
        Some(Json::Object(map))
    }
}
