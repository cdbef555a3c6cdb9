//! What can go wrong while a plan runs.

use datafusion::common::DataFusionError;
use dvt_adapter::AdapterError;

/// Why a federated query gave no (more) rows.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// An input failed at its connection.
    #[error(transparent)]
    Input(Box<AdapterError>),

    /// The memory limit of the compute was reached by an operator that cannot spill.
    #[error("the compute's memory limit was reached: {message}")]
    MemoryExhausted { message: String },

    /// A value made the query fail: a cast that does not fit, a division by zero.
    #[error("{message}")]
    Value { message: String },

    /// The result does not have the type that the plan declared.
    #[error("column `{column}` was planned as {planned} and came out as {actual}")]
    TypeMismatch { column: String, planned: String, actual: String },

    /// Spark gave no (more) rows.
    #[error(transparent)]
    Spark(Box<crate::SparkFailure>),

    #[error("the engine failed: {message}")]
    Engine { message: String },
}

impl From<crate::SparkFailure> for ComputeError {
    fn from(failure: crate::SparkFailure) -> Self {
        Self::Spark(Box::new(failure))
    }
}

impl ComputeError {
    /// The caller may run the plan once more with sort-merge joins.
    #[must_use]
    pub fn is_memory_exhausted(&self) -> bool {
        matches!(self, Self::MemoryExhausted { .. })
    }
}

impl From<DataFusionError> for ComputeError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(cause) => match cause.downcast::<AdapterError>() {
                Ok(error) => Self::Input(error),
                Err(cause) => match cause.downcast::<DataFusionError>() {
                    Ok(inner) => Self::from(*inner),
                    Err(cause) => Self::Engine { message: cause.to_string() },
                },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
                Ok(inner) => Self::from(inner),
                Err(shared) => Self::from_shared(&shared),
            },
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => Self::from(first),
                None => Self::Engine { message: "unknown".to_owned() },
            },
            DataFusionError::ResourcesExhausted(message) => Self::MemoryExhausted { message },
            DataFusionError::ArrowError(arrow, _) => match *arrow {
                arrow::error::ArrowError::ExternalError(cause) => match cause.downcast::<AdapterError>() {
                    Ok(error) => Self::Input(error),
                    Err(cause) => match cause.downcast::<DataFusionError>() {
                        Ok(inner) => Self::from(*inner),
                        Err(cause) => Self::Engine { message: cause.to_string() },
                    },
                },
                arrow::error::ArrowError::DivideByZero => Self::Value { message: "division by zero".to_owned() },
                other => Self::Value { message: other.to_string() },
            },
            DataFusionError::Execution(message) => Self::Value { message },
            DataFusionError::NotImplemented(message) => {
                let construct = message.lines().next().unwrap_or_default();
                Self::Value { message: format!("not supported in a query across connections: {construct}") }
            }
            other => Self::of_text(other.strip_backtrace()),
        }
    }
}

impl ComputeError {
    /// A condition that a scan of Parquet evaluates fails with the condition's error in the debug form of its type.
    fn of_text(message: String) -> Self {
        const CONDITION: &str = "Error evaluating filter predicate: ";
        let inner = message.split_once(CONDITION).and_then(|(_, error)| error.split_once("(\"")?.1.split_once("\")"));
        match inner {
            Some((value, _)) => Self::Value { message: value.replace("\\\"", "\"") },
            None => Self::Engine { message },
        }
    }

    /// An error that several partitions share cannot be taken apart; its class and text are kept.
    fn from_shared(error: &DataFusionError) -> Self {
        let root = error.find_root();
        match root {
            DataFusionError::ResourcesExhausted(message) => Self::MemoryExhausted { message: message.clone() },
            DataFusionError::External(cause) => match cause.downcast_ref::<AdapterError>() {
                Some(input) => {
                    let mut copy = AdapterError::new(input.class, input.connection.clone(), input.message.clone());
                    copy.code.clone_from(&input.code);
                    copy.relation.clone_from(&input.relation);
                    copy.column.clone_from(&input.column);
                    copy.hint.clone_from(&input.hint);
                    copy.position = input.position;
                    Self::Input(Box::new(copy))
                }
                None => Self::Engine { message: cause.to_string() },
            },
            other => Self::Value { message: other.strip_backtrace() },
        }
    }
}
