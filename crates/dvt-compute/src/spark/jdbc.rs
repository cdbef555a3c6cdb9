//! Extracts that Spark's executors read by themselves, and results that they load by themselves, over JDBC.
//!
//! The database writes every value in one of a few plain forms ([`JdbcForm`]), and here stands what Spark makes of each: the
//! form that staging would have stored. Nothing of it depends on a time zone, a calendar or a guess of a driver.

use super::SparkEngine;
use super::types::{name_of_stored, quoted, stored};
use crate::{ComputeError, ExtractInput};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use dvt_adapter::{JdbcAccess, JdbcDriver, JdbcForm, RelationName};
use dvt_federation::FederatedPlan;
use dvt_spark::{Session, SparkFailure};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// An extract that executors read, each query by a session of its own.
#[derive(Clone, Debug)]
pub struct JdbcExtract {
    pub driver: JdbcDriver,
    pub access: JdbcAccess,
    /// They give columns `w0`, `w1`, … in the forms of `columns`; together they give every row once.
    pub queries: Vec<String>,
    pub columns: Vec<JdbcForm>,
    /// What the rows are to be.
    pub schema: SchemaRef,
    pub fetch_size: usize,
}

/// A relation that is there and empty, and that executors fill.
#[derive(Clone, Debug)]
pub struct JdbcTarget {
    pub driver: JdbcDriver,
    pub access: JdbcAccess,
    pub relation: RelationName,
    /// The relation as the database's SQL writes it.
    pub rendered: String,
    /// The form of each column of the result.
    pub columns: Vec<JdbcForm>,
    pub sessions: usize,
    pub batch_rows: usize,
}

/// The column of a target that says where a row stood in the result.
pub const LOADED_ROW: &str = "dvt_loaded_row__";

/// Bits of the row's number in its partition.
pub const ROW_BITS: u32 = 33;

/// The jars of known drivers in these folders: of each driver the first that is found.
#[must_use]
pub fn find_drivers(folders: &[PathBuf]) -> Vec<(JdbcDriver, PathBuf)> {
    let jars_in = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut jars: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        // The plain name before those with versions, and among these the last.
        jars.sort_by(|left, right| right.cmp(left));
        jars
    };
    let is_jar = |path: &Path, driver: &JdbcDriver| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let rest = name.strip_prefix(driver.jar).and_then(|rest| rest.strip_suffix(".jar"));
        rest.is_some_and(|rest| rest.is_empty() || is_version(rest))
    };
    dvt_adapter::JDBC_DRIVERS
        .iter()
        .filter_map(|driver| {
            let mut jars = folders.iter().flat_map(|folder| jars_in(folder));
            jars.find(|path| is_jar(path, driver)).map(|path| (*driver, path))
        })
        .collect()
}

/// `-42.5.5`, and not `-javadoc` or `-parent-1.0`.
fn is_version(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Spark's expression for a column that came in this form, as the type that stands for `wanted`.
///
/// # Errors
/// The reason why the form does not become this type.
pub fn jdbc_reads(form: JdbcForm, wanted: &DataType, column: &str) -> Result<String, String> {
    let refused = || Err(format!("what comes as {form:?} is not read as {wanted}"));
    let held = stored(wanted).and_then(|held| name_of_stored(&held)).map_err(|failure| failure.to_string())?;
    Ok(match (form, wanted) {
        (JdbcForm::Boolean, DataType::Boolean) | (JdbcForm::Bytes, DataType::Binary) => column.to_owned(),
        (JdbcForm::Text, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => column.to_owned(),
        (JdbcForm::Integer, DataType::Boolean) => format!("({column} <> 0)"),
        (JdbcForm::Integer, whole) if whole.is_integer() => format!("CAST({column} AS {held})"),
        (JdbcForm::Float | JdbcForm::Double, DataType::Float32 | DataType::Float64) => {
            format!("CAST({column} AS {held})")
        }
        (JdbcForm::Digits, DataType::UInt64) => format!("CAST({column} AS {held})"),
        (JdbcForm::Digits, DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale))
            if *scale >= 0 =>
        {
            let (whole, scale) = (i16::from(*precision) - i16::from(*scale), i16::from(*scale));
            let value = if *precision <= 38 { format!("CAST({column} AS {held})") } else { digits(column, scale) };
            format!("CASE WHEN {} THEN {value} ELSE {} END", fits(column, whole, scale), misfit(column, wanted))
        }
        (JdbcForm::Days, DataType::Date32) => format!("date_from_unix_date({column})"),
        (JdbcForm::DateText, DataType::Date32) => format!("CAST({column} AS DATE)"),
        (JdbcForm::Microseconds, DataType::Timestamp(TimeUnit::Microsecond, None)) => {
            // The session is in UTC.
            format!("CAST(timestamp_micros({column}) AS TIMESTAMP_NTZ)")
        }
        (JdbcForm::Microseconds, DataType::Timestamp(TimeUnit::Microsecond, Some(_))) => {
            format!("timestamp_micros({column})")
        }
        (JdbcForm::Microseconds, DataType::Time64(TimeUnit::Microsecond)) => column.to_owned(),
        (JdbcForm::MomentText, DataType::Timestamp(TimeUnit::Microsecond, None)) => {
            format!("CAST({column} AS TIMESTAMP_NTZ)")
        }
        (JdbcForm::MomentText, DataType::Timestamp(TimeUnit::Microsecond, Some(_))) => {
            format!("CAST({column} AS TIMESTAMP)")
        }
        _ => return refused(),
    })
}

/// Whether a number in plain digits has a place in so many digits: NaN and infinities have none, nor is anything rounded.
fn fits(column: &str, whole: i16, scale: i16) -> String {
    let whole_digits = if whole > 0 { format!("0*[0-9]{{0,{whole}}}") } else { "0*".to_owned() };
    format!("{column} IS NULL OR {column} RLIKE '^-?{whole_digits}([.][0-9]{{0,{scale}}}0*)?$'")
}

fn misfit(column: &str, wanted: &DataType) -> String {
    format!("raise_error(concat('the value ', {column}, ' does not fit {wanted}'))")
}

/// A number with more digits than Spark's own have: a text with all digits of its scale, as staging stores it.
fn digits(column: &str, scale: i16) -> String {
    if scale == 0 {
        return format!("substring_index({column}, '.', 1)");
    }
    format!(
        "CASE WHEN instr({column}, '.') = 0 THEN concat({column}, '.', repeat('0', {scale})) \
         ELSE rpad({column}, instr({column}, '.') + {scale}, '0') END"
    )
}

/// What of a result's column is handed to the driver.
///
/// # Errors
/// The reason why the column has no such form.
fn jdbc_writes(form: JdbcForm, field: &Field, column: &str) -> Result<String, String> {
    let refused = || Err(format!("{} is not handed over as {form:?}", field.data_type()));
    Ok(match (form, field.data_type()) {
        (JdbcForm::DateText, DataType::Date32) | (JdbcForm::MomentText, DataType::Timestamp(..)) => {
            format!("CAST({column} AS STRING)")
        }
        (JdbcForm::InstantText, DataType::Timestamp(_, Some(_))) => format!("concat(CAST({column} AS STRING), '+00')"),
        (
            JdbcForm::Boolean
            | JdbcForm::Integer
            | JdbcForm::Float
            | JdbcForm::Double
            | JdbcForm::Text
            | JdbcForm::Bytes
            | JdbcForm::Digits,
            _,
        ) => column.to_owned(),
        _ => return refused(),
    })
}

/// What a driver logs in by. Spark keeps options named `password` out of plans and logs.
fn login(access: &JdbcAccess, class: &str) -> HashMap<String, String> {
    let mut options: HashMap<String, String> = access.properties.iter().cloned().collect();
    options.insert("url".to_owned(), access.url.clone());
    options.insert("driver".to_owned(), class.to_owned());
    options.insert("user".to_owned(), access.user.clone());
    if let Some(password) = &access.password {
        options.insert("password".to_owned(), password.expose().to_owned());
    }
    options
}

/// What Spark's reader is told, once for each query: each is a partition.
fn reads(extract: &JdbcExtract) -> Vec<HashMap<String, String>> {
    let read = |query: &String| {
        let mut options = login(&extract.access, extract.driver.class);
        options.insert("query".to_owned(), query.clone());
        options.insert("fetchsize".to_owned(), extract.fetch_size.to_string());
        if !extract.access.session_sql.is_empty() {
            options.insert("sessionInitStatement".to_owned(), extract.access.session_sql.clone());
        }
        // What may be sent is in the queries already, by dvt's rules.
        for option in ["pushDownPredicate", "pushDownAggregate", "pushDownLimit", "pushDownOffset"] {
            options.insert(option.to_owned(), "false".to_owned());
        }
        options
    };
    extract.queries.iter().map(read).collect()
}

/// What Spark's writer is told.
fn writes(target: &JdbcTarget) -> HashMap<String, String> {
    let mut options = login(&target.access, target.driver.class);
    options.insert("dbtable".to_owned(), target.rendered.clone());
    options.insert("batchsize".to_owned(), target.batch_rows.to_string());
    options
}

impl SparkEngine {
    /// A view of what executors read.
    pub(super) async fn view_of_jdbc(&self, session: &Session, extract: &JdbcExtract) -> Result<String, ComputeError> {
        let name = format!("dvt_extract_{}", self.next_view.fetch_add(1, Ordering::Relaxed));
        let raw = format!("{name}_raw");
        session.view_of_source(&raw, "jdbc", reads(extract)).await?;
        let names = dvt_delta::stored_schema(&extract.schema)
            .map_err(|error| SparkFailure::Answer { message: error.to_string() })?;
        let mut columns = Vec::with_capacity(extract.columns.len());
        for (index, form) in extract.columns.iter().enumerate() {
            let (field, stored) = (extract.schema.field(index), names.field(index));
            let read = jdbc_reads(*form, field.data_type(), &format!("w{index}"))
                .map_err(|reason| SparkFailure::Answer { message: format!("column {}: {reason}", field.name()) })?;
            columns.push(format!("{read} AS {}", quoted(stored.name())));
        }
        session.view_of_sql(&name, format!("SELECT {} FROM {raw}", columns.join(", "))).await?;
        Ok(name)
    }

    /// Runs the plan, whose every operator Spark has, and lets executors load its rows into the target, which is empty and has
    /// one column more than the result: [`LOADED_ROW`] is where a row stood. Rows of a task that was run again, after what it
    /// had loaded was committed and before anybody knew, stand where others stand: the caller looks for them.
    ///
    /// # Errors
    /// [`ComputeError::Spark`]; some rows may be in the target.
    pub async fn load(
        &self,
        plan: &FederatedPlan,
        inputs: Vec<ExtractInput>,
        target: &JdbcTarget,
    ) -> Result<(), ComputeError> {
        let (session, query, _held) = self.prepare(plan, inputs).await?;
        if !query.is_whole() {
            return Err(ComputeError::Engine { message: "a part of the query is computed here".to_owned() });
        }
        let mut columns = Vec::with_capacity(target.columns.len() + 1);
        for (index, (form, field)) in target.columns.iter().zip(plan.output_schema.fields()).enumerate() {
            let column = quoted(&format!("c{index}"));
            let written = jdbc_writes(*form, field, &column)
                .map_err(|reason| SparkFailure::Answer { message: format!("column {}: {reason}", field.name()) })?;
            columns.push(format!("{written} AS {}", quoted(field.name())));
        }
        // The number of the partition in the upper bits, and of the row in it in the lower 33.
        columns.push(format!("monotonically_increasing_id() AS {}", quoted(LOADED_ROW)));
        let names: Vec<String> = (0..target.columns.len()).map(|index| quoted(&format!("c{index}"))).collect();
        let sql = format!(
            "SELECT /*+ COALESCE({}) */ {} FROM ({}) AS q({})",
            target.sessions,
            columns.join(", "),
            query.sql,
            names.join(", ")
        );
        Ok(session.write(sql, "jdbc", writes(target)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_becomes_the_stored_type_or_is_refused() {
        let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        let reads = |form, wanted: DataType| jdbc_reads(form, &wanted, "w0");
        assert_eq!(reads(JdbcForm::Integer, DataType::Int8).unwrap(), "CAST(w0 AS TINYINT)");
        assert_eq!(reads(JdbcForm::Integer, DataType::UInt8).unwrap(), "CAST(w0 AS SMALLINT)");
        assert_eq!(reads(JdbcForm::Integer, DataType::Boolean).unwrap(), "(w0 <> 0)");
        assert_eq!(reads(JdbcForm::Microseconds, micros(Some("UTC"))).unwrap(), "timestamp_micros(w0)");
        assert_eq!(reads(JdbcForm::MomentText, micros(None)).unwrap(), "CAST(w0 AS TIMESTAMP_NTZ)");
        let money = reads(JdbcForm::Digits, DataType::Decimal128(15, 2)).unwrap();
        assert!(money.contains("0*[0-9]{0,13}([.][0-9]{0,2}0*)?$") && money.contains("DECIMAL(15,2)"), "{money}");
        let wide = reads(JdbcForm::Digits, DataType::Decimal256(76, 28)).unwrap();
        assert!(wide.contains("rpad(w0, instr(w0, '.') + 28, '0')"), "{wide}");
        for (form, wanted) in [
            (JdbcForm::Integer, DataType::Utf8),
            (JdbcForm::Text, DataType::Int32),
            (JdbcForm::Digits, DataType::Int64),
            (JdbcForm::Microseconds, DataType::Timestamp(TimeUnit::Nanosecond, None)),
            (JdbcForm::DateText, micros(None)),
        ] {
            assert!(reads(form, wanted.clone()).is_err(), "{form:?} {wanted}");
        }
    }

    #[test]
    fn drivers_are_found_by_the_names_of_their_jars() {
        let folder = std::env::temp_dir().join(format!("dvt-jars-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["postgresql-javadoc.jar", "postgresql-42.5.5.jar", "mariadb-java-client.jar", "postgresqlx.jar"] {
            std::fs::write(folder.join(name), b"").unwrap();
        }
        let found = find_drivers(&[folder.join("none"), folder.clone()]);
        std::fs::remove_dir_all(&folder).unwrap();
        let found: Vec<String> =
            found.iter().map(|(_, path)| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(found, ["postgresql-42.5.5.jar", "mariadb-java-client.jar"]);
    }
}
