//! `local_md5`.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Value};
use md5::{Digest, Md5};

pub(super) fn local_md5(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let text = args.required_str("value")?;
    args.finish()?;
    let digest = Md5::digest(text.as_bytes());
    Ok(Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
