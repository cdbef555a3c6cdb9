//! `log` and `print`.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::{Args, Value};

/// `log(message, info=false)`.
pub(super) fn log(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let message = args.required("msg")?;
    let info = args.flag("info", false)?;
    args.finish()?;
    interpreter.bridge.log(&message.to_string(), info);
    Ok(Value::from(""))
}

/// `print(message)`: nothing when `flags.PRINT` is off.
pub(super) fn print(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let message = args.required("msg")?;
    args.finish()?;
    let flag = super::flag(interpreter, "PRINT");
    if flag.is_none() || flag.is_true() {
        interpreter.bridge.print(&message.to_string());
    }
    Ok(Value::from(""))
}
