//! The binary COPY stream, row by row, into batches.
//!
//! The server sends a signature, then rows: a field count, and per field a length (-1: NULL) and bytes; then -1. One message
//! usually holds one row, which is decoded where it lies; what a message's end cuts off waits for the next one.
//! Source: PostgreSQL manual, `COPY`, "Binary Format".

use crate::collect::Misfit;
use crate::postgres::decode::Decoder;
use crate::postgres::types::Kind;
use arrow::array::{ArrayRef, new_empty_array};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// A batch is finished early when it holds this much.
const BATCH_BYTES: usize = 16 << 20;

/// Turns chunks of a COPY stream into columns.
pub(crate) struct CopyReader {
    columns: Vec<Decoder>,
    kinds: Vec<Kind>,
    carried: Vec<u8>,
    state: State,
    rows: usize,
    bytes: usize,
}

#[derive(PartialEq)]
enum State {
    Header,
    Rows,
    Ended,
}

/// The stream is not what COPY sends, or a value does not fit its column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CopyProblem {
    Format(&'static str),
    Value { column: usize, problem: Misfit },
}

impl CopyReader {
    pub(crate) fn new(kinds: Vec<Kind>) -> Self {
        Self {
            columns: kinds.iter().map(Decoder::new).collect(),
            kinds,
            carried: Vec::new(),
            state: State::Header,
            rows: 0,
            bytes: 0,
        }
    }

    /// Decodes the rows that end in this chunk.
    pub(crate) fn read(&mut self, chunk: &[u8]) -> Result<(), CopyProblem> {
        if self.carried.is_empty() {
            let used = self.read_rows(chunk)?;
            self.carried.extend_from_slice(&chunk[used..]);
        } else {
            let mut carried = std::mem::take(&mut self.carried);
            carried.extend_from_slice(chunk);
            let used = self.read_rows(&carried)?;
            carried.drain(..used);
            self.carried = carried;
        }
        Ok(())
    }

    /// Whether enough is there for a batch.
    #[inline]
    pub(crate) fn is_full(&self, batch_rows: usize) -> bool {
        self.rows >= batch_rows || self.bytes >= BATCH_BYTES
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The rows so far, as columns; the next batch starts empty.
    pub(crate) fn finish_batch(&mut self) -> Result<Vec<ArrayRef>, CopyProblem> {
        self.rows = 0;
        self.bytes = 0;
        let finished = self.columns.iter_mut().enumerate();
        finished
            .map(|(column, decoder)| decoder.finish().map_err(|problem| CopyProblem::Value { column, problem }))
            .collect()
    }

    /// No rows, in the same columns.
    pub(crate) fn empty_batch(&self) -> Vec<ArrayRef> {
        self.kinds.iter().map(|kind| new_empty_array(&kind.arrow())).collect()
    }

    /// The stream is complete: its end mark was seen and nothing is left over.
    pub(crate) fn check_end(&self) -> Result<(), CopyProblem> {
        if self.state == State::Ended && self.carried.is_empty() {
            Ok(())
        } else {
            Err(CopyProblem::Format("the rows ended in the middle"))
        }
    }

    /// Reads whole rows from the start of `bytes`; how many bytes they took.
    fn read_rows(&mut self, bytes: &[u8]) -> Result<usize, CopyProblem> {
        let mut at = 0;
        if self.state == State::Header {
            match header_length(bytes)? {
                Some(length) => at = length,
                None => return Ok(0),
            }
            self.state = State::Rows;
        }
        while let Some((count, _)) = bytes[at..].split_first_chunk::<2>() {
            if self.state == State::Ended {
                return Err(CopyProblem::Format("rows follow the end mark"));
            }
            let count = i16::from_be_bytes(*count);
            if count == -1 {
                self.state = State::Ended;
                at += 2;
                continue;
            }
            if usize::try_from(count) != Ok(self.columns.len()) {
                return Err(CopyProblem::Format("a row has another number of columns"));
            }
            let Some(length) = row_length(&bytes[at + 2..], self.columns.len()) else { break };
            self.read_row(&bytes[at + 2..at + 2 + length])?;
            at += 2 + length;
        }
        Ok(at)
    }

    #[inline]
    fn read_row(&mut self, mut row: &[u8]) -> Result<(), CopyProblem> {
        let cut = CopyProblem::Format("a row is cut off");
        self.bytes += row.len();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let Some((length, rest)) = row.split_first_chunk::<4>() else { return Err(cut) };
            match usize::try_from(i32::from_be_bytes(*length)) {
                Ok(length) => {
                    let Some((value, rest)) = rest.split_at_checked(length) else { return Err(cut) };
                    column.push(value).map_err(|problem| CopyProblem::Value { column: index, problem })?;
                    row = rest;
                }
                Err(_) => {
                    column.push_null();
                    row = rest;
                }
            }
        }
        self.rows += 1;
        Ok(())
    }
}

/// The bytes of a row's fields, `None` while some are missing.
#[inline]
fn row_length(bytes: &[u8], columns: usize) -> Option<usize> {
    let mut at = 0_usize;
    for _ in 0..columns {
        let (length, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
        at += 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

fn header_length(bytes: &[u8]) -> Result<Option<usize>, CopyProblem> {
    if bytes.len() < 19 {
        return Ok(None);
    }
    if &bytes[..11] != SIGNATURE {
        return Err(CopyProblem::Format("the stream does not begin as COPY's do"));
    }
    let extension = u32::from_be_bytes([bytes[15], bytes[16], bytes[17], bytes[18]]) as usize;
    Ok((bytes.len() >= 19 + extension).then_some(19 + extension))
}

#[cfg(test)]
mod tests {
    use super::{CopyProblem, CopyReader, SIGNATURE};
    use crate::postgres::types::Kind;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int32Type;

    fn stream(rows: &[(Option<i32>, Option<&str>)]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        for (number, text) in rows {
            bytes.extend(2_i16.to_be_bytes());
            for value in [number.map(|number| number.to_be_bytes().to_vec()), text.map(|text| text.as_bytes().to_vec())]
            {
                match value {
                    Some(value) => {
                        bytes.extend((value.len() as i32).to_be_bytes());
                        bytes.extend(value);
                    }
                    None => bytes.extend((-1_i32).to_be_bytes()),
                }
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    fn reader() -> CopyReader {
        CopyReader::new(vec![Kind::Int4, Kind::Text { limit: None }])
    }

    /// However the stream is cut, the rows are the same.
    #[test]
    fn rows_may_span_chunks() {
        let bytes = stream(&[(Some(1), Some("one")), (None, Some("")), (Some(-3), None)]);
        for size in 1..=bytes.len() {
            let mut reader = reader();
            for chunk in bytes.chunks(size) {
                reader.read(chunk).unwrap();
            }
            reader.check_end().unwrap();
            let columns = reader.finish_batch().unwrap();
            let numbers: Vec<_> = columns[0].as_primitive::<Int32Type>().iter().collect();
            assert_eq!(numbers, [Some(1), None, Some(-3)]);
            let texts: Vec<_> = columns[1].as_string::<i32>().iter().collect();
            assert_eq!(texts, [Some("one"), Some(""), None]);
            assert_eq!(columns[0].len(), 3);
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_is_an_error() {
        let bytes = stream(&[(Some(1), Some("one"))]);
        for length in 0..bytes.len() {
            let mut reader = reader();
            reader.read(&bytes[..length]).unwrap();
            assert!(reader.check_end().is_err(), "{length} of {}", bytes.len());
        }
        assert_eq!(
            CopyReader::new(vec![Kind::Int4]).read(&bytes),
            Err(CopyProblem::Format("a row has another number of columns"))
        );
        assert_eq!(
            CopyReader::new(vec![Kind::Int2, Kind::Text { limit: None }]).read(&bytes),
            Err(CopyProblem::Value { column: 0, problem: "has an unexpected binary form" })
        );
    }
}
