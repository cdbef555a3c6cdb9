//! Types as dbt's seeds have them, and rows that arrive as they stand in the file.

use super::*;
use std::io::Write as _;

pub(super) struct TempFile(PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) fn seed(
    text: &[u8],
    column_types: &[(&str, &str)],
    delimiter: u8,
) -> (TempFile, Result<SeedFile, SeedError>) {
    let path = std::env::temp_dir().join(format!("dvt-seed-{}.csv", uuid::Uuid::new_v4()));
    std::fs::File::create(&path).unwrap().write_all(text).unwrap();
    let options = SeedOptions {
        path: path.clone(),
        shown_path: "seeds/x.csv".to_owned(),
        delimiter,
        column_types: column_types.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect(),
    };
    (TempFile(path), read_seed(options, None))
}

/// The one column's type and its values as text.
fn check(values: &[&str], expected_type: &str, expected: &[&str]) {
    let mut text = "x,end\n".to_owned();
    for value in values {
        text.push_str(&format!("{value},|\n"));
    }
    let (_file, seed) = seed(text.as_bytes(), &[], b',');
    let seed = seed.unwrap();
    assert_eq!(seed.columns[0].data_type.to_string(), expected_type, "{values:?}");
    assert_eq!(column(&seed, 0), expected, "{values:?}");
}

fn column(seed: &SeedFile, index: usize) -> Vec<String> {
    let mut cells = Vec::new();
    rows::read_rows(seed, &seed.schema(), |batch| {
        for row in 0..batch.num_rows() {
            let array = batch.column(index);
            cells.push(if array.is_null(row) {
                "<null>".to_owned()
            } else {
                arrow::util::display::array_value_to_string(array, row).unwrap()
            });
        }
        true
    })
    .unwrap();
    cells
}

#[test]
fn whole_numbers_get_the_smallest_type_that_holds_them() {
    check(&["1", "00123", " -7 "], "Int32", &["1", "123", "-7"]);
    check(&["2147483647", "2147483648"], "Int64", &["2147483647", "2147483648"]);
    check(&["12345678901234567890"], "Decimal128(20, 0)", &["12345678901234567890"]);
    check(&["1.0", "2.00", "1e3"], "Int32", &["1", "2", "1000"]);
    check(&["\"1,234\"", "$5", "7%"], "Int32", &["1234", "5", "7"]);
    check(&["", "null"], "Int32", &["<null>", "<null>"]);
}

#[test]
fn a_fraction_makes_the_column_a_float() {
    check(&["1", "2.5", "-0.125"], "Float64", &["1.0", "2.5", "-0.125"]);
    check(&["nan", "1"], "Float64", &["NaN", "1.0"]);
}

#[test]
fn dates_and_times_are_read_only_in_their_own_forms() {
    check(&["2024-01-31", "2024-2-1"], "Date32", &["2024-01-31", "2024-02-01"]);
    check(&["2024-01-31 10:11:12"], "Timestamp(µs)", &["2024-01-31T10:11:12"]);
    check(
        &["2024-01-31T10:11:12.5+02:00", "20240131T101112Z"],
        "Timestamp(µs)",
        &["2024-01-31T08:11:12.500", "2024-01-31T10:11:12"],
    );
    check(&["2024-01-31", "2024-01-31 10:11:12"], "Utf8", &["2024-01-31", "2024-01-31 10:11:12"]);
    check(&["2024-02-30"], "Utf8", &["2024-02-30"]);
    check(&["31/01/2024"], "Utf8", &["31/01/2024"]);
}

#[test]
fn only_the_words_true_and_false_are_booleans() {
    check(&["true", "FALSE", ""], "Boolean", &["true", "false", "<null>"]);
    check(&["t", "f"], "Utf8", &["t", "f"]);
    check(&["true", "1"], "Utf8", &["true", "1"]);
}

#[test]
fn text_keeps_its_blanks_and_the_word_na() {
    check(
        &["NA", " a ", "null", "\"line\nbreak\"", "\"a \"\"b\"\"\""],
        "Utf8",
        &["NA", " a ", "<null>", "line\nbreak", "a \"b\""],
    );
}

#[test]
fn a_configured_type_keeps_the_text() {
    let (_file, seed) = seed(b"id;code\n1;007\n", &[("code", "varchar(8)")], b';');
    let seed = seed.unwrap();
    assert_eq!(column(&seed, 1), ["007"]);
    assert_eq!(seed.columns[1].column_type.as_deref(), Some("varchar(8)"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let (_file, seed) = seed(b"\xef\xbb\xbfid,,id\n1,2,3\n", &[], b',');
    let names: Vec<String> = seed.unwrap().columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["id", "b", "id_2"]);
}

#[test]
fn a_row_that_is_too_long_is_refused_with_its_line_and_a_short_one_is_filled() {
    let (file, long) = seed(b"a,b\n1,2\n\"x\ny\",3\n1,2,3\n", &[], b',');
    let error = long.unwrap_err();
    assert_eq!(error.to_string(), "row at line 5 of seed `seeds/x.csv` has 3 values, but the header names 2 columns");
    let diagnostic = error.diagnostic(&file.0, "seeds/x.csv");
    assert!(dvt_diagnostics::render_line(&diagnostic).starts_with("seeds/x.csv:5:1: error[seed-file]"));

    let (_file, short) = seed(b"a,b\n1\n2,3\n", &[], b',');
    let short = short.unwrap();
    assert_eq!(short.short_row, Some(2));
    assert_eq!(column(&short, 1), ["<null>", "3"]);
}

#[test]
fn what_is_not_utf8_and_what_is_not_there_is_named() {
    let (_file, bad) = seed(b"a\nok\n\xff\n", &[], b',');
    assert_eq!(bad.unwrap_err().to_string(), "line 3 of seed `seeds/x.csv` is not valid UTF-8");
    let (_file, unknown) = seed(b"a\n1\n", &[("b", "int")], b',');
    assert_eq!(unknown.unwrap().unknown_types, ["b"]);
    let (_file, empty) = seed(b"", &[], b',');
    assert!(matches!(empty.unwrap_err(), SeedError::NoHeader { .. }));
}

#[test]
fn rows_beyond_one_batch_all_arrive() {
    let mut text = "n\n".to_owned();
    for row in 0..20_001 {
        text.push_str(&format!("{row}\n"));
    }
    let (_file, seed) = seed(text.as_bytes(), &[], b',');
    let seed = seed.unwrap();
    let values = column(&seed, 0);
    assert_eq!((seed.rows, values.len(), values.last().map(String::as_str)), (20_001, 20_001, Some("20000")));
}

#[test]
fn a_value_that_does_not_fit_its_configured_type_is_named_with_its_line() {
    let (_file, bad) = seed(b"id,code\n1,123\n2,abcd\n3,\n", &[("code", "integer")], b',');
    assert_eq!(
        bad.unwrap_err().to_string(),
        "value `abcd` of column `code` at line 3 of seed `seeds/x.csv` does not fit type integer"
    );
}

#[test]
fn blank_lines_are_rows_of_nulls_as_dbt_reads_them() {
    let (_file, seed) = seed(b"a,b\n\n1,2\n\n\n", &[], b',');
    let seed = seed.unwrap();
    assert_eq!((seed.rows, seed.short_row), (4, None));
    let rows: usize =
        super::rows::collect_batches(&seed).unwrap().iter().map(arrow::array::RecordBatch::num_rows).sum();
    assert_eq!(rows, 4);
}
