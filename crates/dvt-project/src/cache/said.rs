//! What a reading said, as bytes: warnings with their places and events, and the lines that templates wrote.

use super::pack::{Pack, Reader, Writer, pack_names, pack_struct};
use dvt_diagnostics::{Diagnostic, Event, EventKind, EventLevel, Label, NodeInfo, Severity, kinds};
use dvt_jinja::LogLine;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Which part of a reading said something: reading that part again says it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The project as a whole.
    Project,
    /// The node of this id.
    Node(String),
    /// The properties file that messages show so: its entries, and the tests below them.
    Properties(String),
}

impl Pack for Origin {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Project => writer.byte(0),
            Self::Node(id) => {
                writer.byte(1);
                id.put(writer);
            }
            Self::Properties(path) => {
                writer.byte(2);
                path.put(writer);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.byte()? {
            0 => Self::Project,
            1 => Self::Node(Pack::take(reader)?),
            2 => Self::Properties(Pack::take(reader)?),
            _ => return None,
        })
    }
}

pack_names! {
    Severity { Error, Warning }
    EventLevel { Debug, Info, Warn, Error }
}

pack_struct! {
    Label { span, text }
    Event { kind, level, message, data, node, thread }
    NodeInfo {
        path, name, unique_id, resource_type, materialized, status, started_at, finished_at, meta, database, schema,
        alias, relation_name, checksum,
    }
}

impl Pack for EventKind {
    fn put(&self, writer: &mut Writer) {
        writer.has_failed |= !kinds::ALL.contains(self);
        writer.text(self.code);
        writer.text(self.name);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let (code, name) = (reader.text()?, reader.text()?);
        kinds::ALL.iter().find(|kind| kind.code == code && kind.name == name).copied()
    }
}

impl Pack for Diagnostic {
    fn put(&self, writer: &mut Writer) {
        let Self { severity, id, message, labels, notes, help, event } = self;
        severity.put(writer);
        writer.text(id);
        message.put(writer);
        labels.put(writer);
        notes.put(writer);
        help.put(writer);
        event.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            severity: Pack::take(reader)?,
            id: interned(reader.text()?),
            message: Pack::take(reader)?,
            labels: Pack::take(reader)?,
            notes: Pack::take(reader)?,
            help: Pack::take(reader)?,
            event: Pack::take(reader)?,
        })
    }
}

/// The id as a text that stays: there are a few dozen of them, and each is kept once in a process.
fn interned(id: &str) -> &'static str {
    static IDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut ids = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = ids.get(id) {
        return known;
    }
    let kept: &'static str = Box::leak(id.to_owned().into_boxed_str());
    ids.insert(kept);
    kept
}

impl Pack for LogLine {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Log { message, info } => {
                writer.byte(0);
                message.put(writer);
                info.put(writer);
            }
            Self::Print(message) => {
                writer.byte(1);
                message.put(writer);
            }
            Self::Warning(message) => {
                writer.byte(2);
                message.put(writer);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.byte()? {
            0 => Self::Log { message: Pack::take(reader)?, info: Pack::take(reader)? },
            1 => Self::Print(Pack::take(reader)?),
            2 => Self::Warning(Pack::take(reader)?),
            _ => return None,
        })
    }
}
