//! The first pass over a seed's file: its columns and their types.

use super::blank_lines::BlankLines;
use super::exact::{exact_type, is_exact};
use super::fit::Fit;
use super::values::{Kind, Number, is_null, parse_number, plain_fraction, plain_integer};
use super::{SeedError, SeedOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

/// After so many rows it is asked again whether enough has been read.
const SAMPLED_EVERY: u64 = 1024;

pub(super) type Rows = Reader<BlankLines<File>>;

/// A seed's file after one pass.
#[derive(Clone, Debug)]
pub(crate) struct SeedFile {
    pub(crate) options: SeedOptions,
    pub(crate) columns: Vec<SeedColumnInfo>,
    pub(crate) rows: u64,
    /// The line of the first row that has fewer values than the header has columns; the missing ones are NULL.
    pub(crate) short_row: Option<u64>,
    /// Names in `column_types` that are no columns of this file.
    pub(crate) unknown_types: Vec<String>,
    /// All rows were read. Else only the first ones were, and the types are right if all others are like them.
    pub(crate) is_whole: bool,
    /// Each value is in a form in which [`SeedFile::exact_schema`] can hold it.
    is_exact: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SeedColumnInfo {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) data_type: DataType,
    /// The user's own type text from `column_types`.
    pub(crate) column_type: Option<String>,
    /// The type that `column_type` stands for on PostgreSQL; the inferred one without it. `None`: no such type here.
    pub(super) exact_type: Option<DataType>,
    /// What `column_type` asks of each value.
    pub(super) fit: Fit,
}

impl SeedFile {
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The columns in the types that PostgreSQL gives them, if all values can be read here as it would read them.
    pub(crate) fn exact_schema(&self) -> Option<SchemaRef> {
        if !self.is_exact {
            return None;
        }
        let fields = self.columns.iter().map(|column| Some(Field::new(&column.name, column.exact_type.clone()?, true)));
        Some(Arc::new(Schema::new(fields.collect::<Option<Vec<_>>>()?)))
    }
}

/// Reads the file once and decides every column's type: by all of its rows, or by its first `sample` bytes where these leave no doubt
/// as long as the other rows are like them.
pub(crate) fn read_seed(options: SeedOptions, sample: Option<u64>) -> Result<SeedFile, SeedError> {
    let path = options.shown_path.clone();
    let mut reader = open(&options)?;
    let mut record = StringRecord::new();
    if !next_record(&mut reader, &mut record, &path)? {
        return Err(SeedError::NoHeader { path });
    }
    let header: Vec<String> = record.iter().map(str::to_owned).collect();
    let names = column_names(&header);
    // A folder's `column_types` speak of all its seeds, so a name may be another seed's.
    let unknown_types = options.column_types.keys().filter(|name| !names.contains(name)).cloned().collect();
    let mut columns: Vec<Guess> =
        names.iter().map(|name| Guess::new(options.column_types.contains_key(name))).collect();
    let fits: Vec<Fit> =
        names.iter().map(|name| options.column_types.get(name).map_or(Fit::Any, |text| Fit::of(text))).collect();
    let exact_types: Vec<Option<DataType>> =
        names.iter().map(|name| options.column_types.get(name).and_then(|text| exact_type(text))).collect();
    let mut all_exact =
        names.iter().zip(&exact_types).all(|(name, exact)| exact.is_some() || !options.column_types.contains_key(name));
    let (mut rows, mut short_row, mut is_whole) = (0, None, true);
    while next_record(&mut reader, &mut record, &path)? {
        if let Some(sample) = sample
            && rows % SAMPLED_EVERY == 0
            && reader.position().byte() > sample
        {
            let is_sure = all_exact && short_row.is_none() && columns.iter().all(Guess::is_sure);
            if is_sure {
                is_whole = false;
                break;
            }
        }
        rows += 1;
        if record.len() > names.len() {
            let (line, found) = (line(&record), record.len());
            return Err(SeedError::TooManyValues { path, line, found, expected: names.len() });
        }
        let is_blank = record.len() == 1 && record[0].is_empty();
        if record.len() < names.len() && short_row.is_none() && !is_blank {
            short_row = Some(line(&record));
        }
        for (index, (guess, text)) in columns.iter_mut().zip(&record).enumerate() {
            if is_null(text) {
                continue;
            }
            let mut known_to_fit = false;
            if let Some(exact_type) = &exact_types[index]
                && all_exact
            {
                all_exact = is_exact(exact_type, text);
                known_to_fit = all_exact && fits[index].is_met_by_exact_values();
            }
            if !known_to_fit && !fits[index].accepts(text) {
                return Err(SeedError::DoesNotFit {
                    line: line(&record),
                    column: names[index].clone(),
                    column_type: options.column_types.get(&names[index]).cloned().unwrap_or_default(),
                    value: text.chars().take(40).collect(),
                    path,
                });
            }
            if let Err(digits) = guess.see(text) {
                let column = names[index].clone();
                return Err(SeedError::NumberTooLong { path, line: line(&record), column, digits });
            }
        }
    }
    let columns = names
        .into_iter()
        .zip(columns)
        .zip(exact_types.into_iter().zip(fits))
        .map(|((name, guess), (exact_type, fit))| {
            let (data_type, column_type) = (guess.data_type(), options.column_types.get(&name).cloned());
            let inferred = column_type.is_none().then(|| data_type.clone());
            let exact_type = exact_type.or(inferred);
            SeedColumnInfo { kind: guess.kind(), exact_type, fit, data_type, column_type, name }
        })
        .collect();
    Ok(SeedFile { options, columns, rows, short_row, unknown_types, is_whole, is_exact: all_exact })
}

pub(super) fn open(options: &SeedOptions) -> Result<Rows, SeedError> {
    let file = File::open(&options.path).map_err(|cause| SeedError::Io { path: options.shown_path.clone(), cause })?;
    Ok(ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(BlankLines::new(file, options.delimiter)))
}

pub(super) fn next_record(reader: &mut Rows, record: &mut StringRecord, path: &str) -> Result<bool, SeedError> {
    reader.read_record(record).map_err(|error| match error.kind() {
        ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(1, csv::Position::line);
            SeedError::NotUtf8 { path: path.to_owned(), line }
        }
        _ => SeedError::Io { path: path.to_owned(), cause: error.into() },
    })
}

pub(super) fn line(record: &StringRecord) -> u64 {
    record.position().map_or(1, csv::Position::line)
}

/// The header's names: one without a name gets a letter, a repeated one a number, as dbt's reader names them.
fn column_names(header: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    let mut used: HashSet<String> = HashSet::new();
    for (index, name) in header.iter().enumerate() {
        let wanted = if name.is_empty() { letters(index) } else { name.clone() };
        let mut unique = wanted.clone();
        let mut count = 2;
        while !used.insert(unique.clone()) {
            unique = format!("{wanted}_{count}");
            count += 1;
        }
        names.push(unique);
    }
    names
}

/// `a` to `z`, then `aa`, `bb`, ….
fn letters(index: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
    letter.to_string().repeat(index / 26 + 1)
}

/// What a column's values have left possible.
struct Guess {
    possible: Vec<Kind>,
    is_forced: bool,
    /// There was a value.
    is_seen: bool,
    has_fraction: bool,
    /// The most digits of a whole number, and whether all fit 32 and 64 bits.
    digits: usize,
    fits_i32: bool,
    fits_i64: bool,
}

impl Guess {
    fn new(is_forced_text: bool) -> Self {
        let possible = if is_forced_text { vec![Kind::Text] } else { Kind::ALL.to_vec() };
        Self {
            possible,
            is_forced: is_forced_text,
            is_seen: false,
            has_fraction: false,
            digits: 1,
            fits_i32: true,
            fits_i64: true,
        }
    }

    /// Takes a value that is not NULL into account. The error is the number of digits of a whole number that no type can hold.
    fn see(&mut self, text: &str) -> Result<(), usize> {
        self.is_seen = true;
        if self.possible.len() == 1 && self.possible[0] == Kind::Text {
            return Ok(());
        }
        if let (Some(value), [Kind::Number, Kind::Text]) = (plain_integer(text), &*self.possible) {
            self.digits = self.digits.max(value.unsigned_abs().checked_ilog10().map_or(0, |log| log as usize + 1));
            self.fits_i32 &= i32::try_from(value).is_ok();
            return Ok(());
        }
        if let ([Kind::Number, Kind::Text], Some(_)) = (&*self.possible, plain_fraction(text)) {
            self.has_fraction = true;
            return Ok(());
        }
        if self.possible.first() == Some(&Kind::Number) {
            match parse_number(text) {
                Some(number) => self.see_number(&number)?,
                None => self.possible.retain(|kind| *kind != Kind::Number),
            }
        }
        self.possible.retain(|kind| *kind == Kind::Number || kind.accepts(text));
        Ok(())
    }

    fn see_number(&mut self, number: &Number) -> Result<(), usize> {
        let Number::Whole { digits, .. } = number else {
            self.has_fraction = true;
            return Ok(());
        };
        self.digits = self.digits.max(digits.len());
        if digits.len() >= 10 {
            let text = number.to_text();
            self.fits_i32 &= text.parse::<i32>().is_ok();
            self.fits_i64 &= text.parse::<i64>().is_ok();
        }
        if digits.len() > 76 && !self.has_fraction { Err(digits.len()) } else { Ok(()) }
    }

    /// Whether the type stays what it is for as long as values can be read as it.
    fn is_sure(&self) -> bool {
        let follows_digits = matches!(self.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..));
        self.is_forced || (self.is_seen && !follows_digits)
    }

    fn kind(&self) -> Kind {
        self.possible.first().copied().unwrap_or(Kind::Text)
    }

    fn data_type(&self) -> DataType {
        match self.kind() {
            Kind::Number if self.has_fraction => DataType::Float64,
            Kind::Number if self.fits_i32 => DataType::Int32,
            Kind::Number if self.fits_i64 => DataType::Int64,
            Kind::Number if self.digits <= 38 => DataType::Decimal128(u8::try_from(self.digits).unwrap_or(38), 0),
            Kind::Number => DataType::Decimal256(u8::try_from(self.digits).unwrap_or(76), 0),
            Kind::Date => DataType::Date32,
            Kind::DateTime | Kind::IsoDateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Boolean => DataType::Boolean,
            Kind::Text => DataType::Utf8,
        }
    }
}
