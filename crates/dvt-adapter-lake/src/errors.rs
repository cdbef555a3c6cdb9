//! DataFusion's, Delta's and the file system's failures as adapter errors.

use crate::names::Name;
use datafusion::common::{DataFusionError, SchemaError};
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_delta::{DeltaError, DeltaErrorKind, WriteError};
use std::io;

/// Makes errors for one connection.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    connection: String,
}

impl Errors {
    pub(crate) fn new(connection: &str) -> Self {
        Self { connection: connection.to_owned() }
    }

    pub(crate) fn of(&self, class: ErrorClass, message: impl Into<String>) -> AdapterError {
        AdapterError::new(class, &self.connection, message)
    }

    pub(crate) fn syntax(&self, message: impl Into<String>) -> AdapterError {
        self.of(ErrorClass::Syntax, message)
    }

    /// A statement that is SQL and that a lake cannot do.
    pub(crate) fn unsupported(&self, what: impl std::fmt::Display) -> AdapterError {
        self.of(ErrorClass::Other, format!("a lake cannot do this: {what}"))
    }

    pub(crate) fn missing(&self, name: &Name) -> AdapterError {
        self.of(ErrorClass::MissingRelation, format!("relation `{name}` does not exist")).with_relation(name.relation())
    }

    pub(crate) fn exists(&self, name: &Name) -> AdapterError {
        self.of(ErrorClass::Other, format!("relation `{name}` already exists")).with_relation(name.relation())
    }

    pub(crate) fn cancelled(&self) -> AdapterError {
        self.of(ErrorClass::Cancelled, "the statement was cancelled")
    }

    pub(crate) fn io(&self, doing: &str, name: &Name, error: io::Error) -> AdapterError {
        let is_store =
            error.kind() == io::ErrorKind::Other && error.get_ref().is_some_and(|cause| cause.is::<DeltaError>());
        if is_store {
            let Some(Ok(cause)) = error.into_inner().map(|cause| cause.downcast::<DeltaError>()) else {
                return self.of(ErrorClass::Other, format!("{doing} `{name}`"));
            };
            let told = format!("{doing} `{name}`: {cause}");
            let mut made = self.delta(name, *cause);
            made.message = told;
            return made;
        }
        let class = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorClass::Permission,
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => return self.exists(name),
            _ => ErrorClass::Other,
        };
        self.of(class, format!("{doing} `{name}`: {error}")).with_relation(name.relation()).with_cause(error)
    }

    pub(crate) fn delta(&self, name: &Name, error: DeltaError) -> AdapterError {
        let class = match error.kind {
            DeltaErrorKind::Missing => ErrorClass::MissingRelation,
            DeltaErrorKind::Conflict => ErrorClass::Conflict,
            DeltaErrorKind::UnsupportedType => ErrorClass::UnsupportedType,
            DeltaErrorKind::ValueDoesNotFit => ErrorClass::ValueDoesNotFit,
            DeltaErrorKind::Exists => return self.exists(name),
            DeltaErrorKind::Location | DeltaErrorKind::Other => ErrorClass::Other,
        };
        let column = error.column.clone();
        let made = self.of(class, error.message.clone()).with_relation(name.relation()).with_cause(error);
        match column {
            Some(column) => made.with_column(column),
            None => made,
        }
    }

    /// A bucket that does not answer, or not to us; the store's words tell which.
    pub(crate) fn unreachable_bucket(&self, location: &str, error: DeltaError) -> AdapterError {
        let words = format!("{error:?}");
        let has = |marks: &[&str]| marks.iter().any(|mark| words.contains(mark));
        let (class, hint) = if has(&["NoSuchBucket", "ContainerNotFound", " 404 "]) {
            (ErrorClass::Configuration, "check the bucket's name, its region and the endpoint")
        } else if has(&[" 403 ", " 401 ", "AccessDenied", "Unauthenticated", "PermissionDenied", "credential"]) {
            (ErrorClass::Authentication, "check the keys of the output, and what they may do in this bucket")
        } else {
            (ErrorClass::Unreachable, "check `endpoint`, the network and the proxy's settings")
        };
        self.of(class, format!("the bucket `{location}` does not answer: {}", error.message))
            .with_hint(hint)
            .with_cause(error)
    }

    /// A failed write: the error of the rows' own stream comes out as it was.
    pub(crate) fn write(&self, name: &Name, error: WriteError) -> AdapterError {
        match error {
            WriteError::Delta(error) => self.delta(name, error),
            WriteError::Source(cause) => match cause.downcast::<AdapterError>() {
                Ok(error) => *error,
                Err(cause) => match cause.downcast::<DataFusionError>() {
                    Ok(error) => self.query(*error),
                    Err(cause) => self.of(ErrorClass::Other, cause.to_string()).with_relation(name.relation()),
                },
            },
        }
    }

    pub(crate) fn query(&self, error: DataFusionError) -> AdapterError {
        let error = match error {
            // An error of ours that travelled through DataFusion.
            DataFusionError::External(cause) => match cause.downcast::<AdapterError>() {
                Ok(error) => return *error,
                Err(cause) => DataFusionError::External(cause),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => return self.query(*inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => return self.query(errors.swap_remove(0)),
            DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
                Ok(error) => return self.query(error),
                Err(shared) => match shared.as_ref() {
                    // An error that several partitions were told; ours cannot be taken out of it, but copied.
                    DataFusionError::External(cause) => match cause.downcast_ref::<AdapterError>() {
                        Some(error) => return copy(error),
                        None => DataFusionError::Shared(shared),
                    },
                    _ => DataFusionError::Shared(shared),
                },
            },
            DataFusionError::ArrowError(inner, trace) => match *inner {
                arrow::error::ArrowError::ExternalError(cause) => match cause.downcast::<AdapterError>() {
                    Ok(error) => return *error,
                    Err(cause) => match cause.downcast::<DataFusionError>() {
                        Ok(error) => return self.query(*error),
                        Err(cause) => DataFusionError::External(cause),
                    },
                },
                other => DataFusionError::ArrowError(Box::new(other), trace),
            },
            other => other,
        };
        let (class, column) = match &error {
            DataFusionError::SQL(_, _) => (ErrorClass::Syntax, None),
            DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                SchemaError::FieldNotFound { field, .. } => (ErrorClass::MissingColumn, Some(field.name().to_owned())),
                _ => (ErrorClass::Other, None),
            },
            DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
                arrow::error::ArrowError::CastError(_)
                | arrow::error::ArrowError::ParseError(_)
                | arrow::error::ArrowError::ArithmeticOverflow(_) => (ErrorClass::ValueDoesNotFit, None),
                _ => (ErrorClass::Other, None),
            },
            _ => (ErrorClass::Other, None),
        };
        let message = first_line(&error.strip_backtrace());
        let made = self.of(class, message).with_cause(error);
        match column {
            Some(column) => made.with_column(column),
            None => made,
        }
    }
}

fn copy(error: &AdapterError) -> AdapterError {
    AdapterError {
        class: error.class,
        connection: error.connection.clone(),
        message: error.message.clone(),
        code: error.code.clone(),
        relation: error.relation.clone(),
        column: error.column.clone(),
        position: error.position,
        hint: error.hint.clone(),
        cause: None,
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end_matches(['.', ' ']).to_owned()
}
