//! `api.Relation` and `api.Column`.

use crate::objects::column::ColumnClass;
use crate::objects::relation::RelationClass;
use crate::{Object, Value};

#[derive(Debug)]
pub(super) struct Api;

impl Object for Api {
    fn type_name(&self) -> &str {
        "api"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "Relation" => Some(Value::object(RelationClass)),
            "Column" => Some(Value::object(ColumnClass)),
            _ => None,
        }
    }
}
