//! Databricks' types, which are Spark's.

use crate::profile::ADAPTER_TYPE;
pub(crate) use dvt_adapter::SparkType as BrickType;
use dvt_adapter::SparkTypes;

pub(crate) const TYPES: SparkTypes = SparkTypes { adapter_type: ADAPTER_TYPE, whose: "Databricks'" };
