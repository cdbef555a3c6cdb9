//! dbt's Column object.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::{Args, Object, Value};
use serde_json::{Map, Value as Json, json};

/// A column of a relation: a name and the engine's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnValue {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) char_size: Option<i128>,
    pub(crate) numeric_precision: Option<i128>,
    pub(crate) numeric_scale: Option<i128>,
    /// The quote character of the engine.
    pub(crate) quote: char,
}

const STRING_TYPES: &[&str] = &["text", "character varying", "character", "varchar"];
const FLOAT_TYPES: &[&str] = &["real", "float4", "float", "double precision", "float8", "double"];
const INTEGER_TYPES: &[&str] = &[
    "smallint",
    "integer",
    "bigint",
    "smallserial",
    "serial",
    "bigserial",
    "int2",
    "int4",
    "int8",
    "serial2",
    "serial4",
    "serial8",
    "int",
    "tinyint",
    "mediumint",
];
const NUMERIC_TYPES: &[&str] = &["numeric", "decimal"];

impl ColumnValue {
    fn is_one_of(&self, types: &[&str]) -> bool {
        types.contains(&self.dtype.to_lowercase().as_str())
    }

    pub(crate) fn is_string(&self) -> bool {
        self.is_one_of(STRING_TYPES)
    }

    /// The longest text; 256 where the type does not say.
    pub(crate) fn string_size(&self) -> Option<i128> {
        if !self.is_string() {
            return None;
        }
        Some(if self.dtype.eq_ignore_ascii_case("text") { 256 } else { self.char_size.unwrap_or(256) })
    }

    /// The type with length or precision.
    pub(crate) fn data_type(&self) -> String {
        if self.is_string() {
            return match (self.dtype.eq_ignore_ascii_case("text"), self.char_size) {
                (false, Some(size)) => string_type(size),
                _ => self.dtype.clone(),
            };
        }
        match (self.is_one_of(NUMERIC_TYPES), self.numeric_precision, self.numeric_scale) {
            (true, Some(precision), Some(scale)) => format!("{}({precision},{scale})", self.dtype),
            _ => self.dtype.clone(),
        }
    }

    pub(crate) fn can_expand_to(&self, other: &Self) -> bool {
        matches!((self.string_size(), other.string_size()), (Some(own), Some(other)) if other > own)
    }

    pub(crate) fn quoted(&self) -> String {
        let quote = self.quote;
        format!("{quote}{}{quote}", self.name.replace(quote, &format!("{quote}{quote}")))
    }
}

pub(crate) fn string_type(size: i128) -> String {
    format!("character varying({size})")
}

impl Object for ColumnValue {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn display(&self) -> String {
        format!("<Column {} ({})>", self.name, self.data_type())
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let number = |value: Option<i128>| value.map_or(Value::None, Value::Int);
        Some(match name {
            "name" | "column" => Value::from(self.name.as_str()),
            "dtype" => Value::from(self.dtype.as_str()),
            "data_type" | "expanded_data_type" => Value::from(self.data_type()),
            "quoted" => Value::from(self.quoted()),
            "char_size" => number(self.char_size),
            "numeric_precision" => number(self.numeric_precision),
            "numeric_scale" => number(self.numeric_scale),
            _ => return None,
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        &[
            "is_string",
            "is_float",
            "is_integer",
            "is_numeric",
            "is_number",
            "string_size",
            "can_expand_to",
            "literal",
            "create",
            "translate_type",
            "string_type",
            "numeric_type",
            "from_description",
        ]
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        let value = match name {
            "is_string" => Ok(Value::Bool(self.is_string())),
            "is_float" => Ok(Value::Bool(self.is_one_of(FLOAT_TYPES))),
            "is_integer" => Ok(Value::Bool(self.is_one_of(INTEGER_TYPES))),
            "is_numeric" => Ok(Value::Bool(self.is_one_of(NUMERIC_TYPES))),
            "is_number" => Ok(Value::Bool(
                self.is_one_of(FLOAT_TYPES) || self.is_one_of(INTEGER_TYPES) || self.is_one_of(NUMERIC_TYPES),
            )),
            "string_size" => match self.string_size() {
                Some(size) => Ok(Value::Int(size)),
                None => Err(raise("Called string_size() on non-string field!")),
            },
            "can_expand_to" => args.required("other_column").and_then(|other| match other.downcast::<Self>() {
                Some(other) => Ok(Value::Bool(self.can_expand_to(other))),
                None => Err(args.wrong_type("other_column", "a Column", &other)),
            }),
            "literal" => args.required("value").map(|value| Value::from(format!("{value}::{}", self.data_type()))),
            _ => return ColumnClass.call_method(interpreter, name, args),
        };
        Some(value)
    }

    fn to_json(&self) -> Option<Json> {
        Some(json!({
            "column": self.name, "dtype": self.dtype,
            "char_size": self.char_size.and_then(|size| i64::try_from(size).ok()),
            "numeric_precision": self.numeric_precision.and_then(|size| i64::try_from(size).ok()),
            "numeric_scale": self.numeric_scale.and_then(|size| i64::try_from(size).ok()),
        }))
    }
}

/// `api.Column`: the class.
#[derive(Debug)]
pub(crate) struct ColumnClass;

impl Object for ColumnClass {
    fn type_name(&self) -> &str {
        "type"
    }

    fn display(&self) -> String {
        "<class 'Column'>".to_owned()
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(construct(interpreter, args))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["create", "translate_type", "string_type", "numeric_type", "from_description"]
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        match name {
            "create" => Some(create(interpreter, args)),
            "translate_type" => {
                Some(args.required_str("dtype").map(|dtype| Value::from(translate(interpreter, &dtype))))
            }
            "string_type" => Some(args.optional_int("size").map(|size| Value::from(string_type(size.unwrap_or(256))))),
            "numeric_type" => Some(numeric_type(args)),
            "from_description" => Some(from_description(interpreter, args)),
            _ => None,
        }
    }
}

/// The node as templates see it: with the types of its columns in the engine's words, unless its contract wants the names
/// that are written.
pub(crate) fn model(interpreter: &Interpreter<'_>, node: &Json) -> Value {
    let keeps = node.pointer("/contract/alias_types") == Some(&Json::Bool(false));
    let typed = |columns: &Map<String, Json>| {
        columns.values().any(|column| column.get("data_type").is_some_and(Json::is_string))
    };
    if keeps || !node.get("columns").and_then(Json::as_object).is_some_and(typed) {
        return Value::from(node);
    }
    let mut node = node.clone();
    for column in node.get_mut("columns").and_then(Json::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(data_type) = column.get_mut("data_type")
            && let Some(text) = data_type.as_str()
        {
            *data_type = Json::from(translate(interpreter, text));
        }
    }
    Value::from(&node)
}

/// The engine's word for one of dbt's type labels.
fn translate(interpreter: &Interpreter<'_>, dtype: &str) -> String {
    let adapter_type = interpreter.bridge.adapter_type();
    let label = dtype.to_uppercase();
    // dbt-postgres renames one label only; the rest goes as it was written.
    if matches!(adapter_type, "postgres" | "redshift" | "snowflake") && label != "STRING" {
        return dtype.to_owned();
    }
    match (label.as_str(), adapter_type) {
        ("TEXT", "bigquery") | ("STRING", "databricks" | "spark") => "STRING",
        ("FLOAT", "bigquery") => "FLOAT64",
        ("INTEGER", "bigquery") => "INT64",
        ("STRING", "trino" | "athena") => "VARCHAR",
        ("FLOAT", "trino") => "DOUBLE",
        (_, "bigquery" | "trino" | "athena" | "databricks" | "spark") => return dtype.to_owned(),
        ("STRING", "mysql" | "mariadb") => "LONGTEXT",
        ("STRING", "filesystem") => "VARCHAR",
        ("STRING", _) => "TEXT",
        ("TIMESTAMP", "mysql" | "mariadb") => "DATETIME(6)",
        ("TIMESTAMP", _) => "TIMESTAMP",
        ("FLOAT", "mysql" | "mariadb" | "filesystem") => "DOUBLE",
        ("FLOAT", _) => "FLOAT",
        ("INTEGER", "mysql" | "mariadb") => "INT",
        ("INTEGER", _) => "INT",
        ("BOOLEAN", _) => "BOOLEAN",
        _ => return dtype.to_owned(),
    }
    .to_owned()
}

fn construct(interpreter: &Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("column")?.to_string();
    let dtype = args.required_str("dtype")?.to_string();
    let char_size = args.optional_int("char_size")?;
    let numeric_precision = args.optional_int("numeric_precision")?;
    let numeric_scale = args.optional_int("numeric_scale")?;
    args.finish()?;
    let quote = interpreter.bridge.dialect().quote;
    Ok(Value::object(ColumnValue { name, dtype, char_size, numeric_precision, numeric_scale, quote }))
}

fn create(interpreter: &Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("name")?.to_string();
    let label = args.required_str("label_or_dtype")?;
    args.finish()?;
    let quote = interpreter.bridge.dialect().quote;
    Ok(Value::object(ColumnValue {
        name,
        dtype: translate(interpreter, &label),
        char_size: None,
        numeric_precision: None,
        numeric_scale: None,
        quote,
    }))
}

fn numeric_type(args: &mut Args) -> Result<Value, Flow> {
    let dtype = args.required_str("dtype")?;
    let (precision, scale) = (args.optional_int("precision")?, args.optional_int("scale")?);
    Ok(Value::from(match (precision, scale) {
        (Some(precision), Some(scale)) => format!("{dtype}({precision},{scale})"),
        _ => dtype.to_string(),
    }))
}

/// `from_description('name', 'varchar(25)')`: length or precision are read from the text.
fn from_description(interpreter: &Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("name")?.to_string();
    let text = args.required_str("raw_data_type")?;
    let (dtype, sizes) = match text.split_once('(') {
        Some((dtype, sizes)) => (dtype.trim(), sizes.split_once(')').map_or(sizes, |(inside, _)| inside)),
        None => (text.trim(), ""),
    };
    if dtype.is_empty() {
        return Err(raise(format!("Could not interpret data type \"{text}\"")));
    }
    let parts: Vec<&str> = if sizes.is_empty() { Vec::new() } else { sizes.split(',').map(str::trim).collect() };
    let mut sizes: Vec<i128> = Vec::with_capacity(parts.len());
    for part in &parts {
        sizes.push(part.parse().map_err(|_| {
            raise(format!("Could not interpret data_type \"{text}\": could not convert \"{part}\" to an integer"))
        })?);
    }
    let quote = interpreter.bridge.dialect().quote;
    let column = ColumnValue {
        name,
        dtype: dtype.to_owned(),
        char_size: (sizes.len() == 1).then(|| sizes[0]),
        numeric_precision: (sizes.len() == 2).then(|| sizes[0]),
        numeric_scale: sizes.get(1).copied(),
        quote,
    };
    Ok(Value::object(column))
}
