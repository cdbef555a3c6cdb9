//! Spark's types.

use crate::profile::ADAPTER_TYPE;
use dvt_adapter::SparkTypes;

pub(crate) const TYPES: SparkTypes = SparkTypes { adapter_type: ADAPTER_TYPE, whose: "Spark's" };
