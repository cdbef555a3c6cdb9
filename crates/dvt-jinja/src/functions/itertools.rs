//! `modules.itertools`: the finite iterators, as lists.

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::binary;
use crate::{Args, Object, Value};

#[derive(Debug)]
pub(super) struct Itertools;

/// More results than this are refused: the number grows fast.
const MAX_RESULTS: usize = 1_000_000;

/// What is there; `count` and `cycle` have no end.
const NAMES: &[&str] = &[
    "accumulate",
    "chain",
    "combinations",
    "combinations_with_replacement",
    "compress",
    "count",
    "cycle",
    "islice",
    "permutations",
    "product",
    "repeat",
    "starmap",
    "tee",
    "zip_longest",
];

impl Object for Itertools {
    fn type_name(&self) -> &str {
        "module"
    }

    fn methods(&self) -> &'static [&'static str] {
        NAMES
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        NAMES.contains(&name).then(|| {
            interpreter.context.invocation.uses.itertools();
            run(interpreter, name, args)
        })
    }
}

fn iterable(args: &mut Args, name: &str) -> Result<Vec<Value>, Flow> {
    let value = args.required(name)?;
    value.iterate().ok_or_else(|| args.wrong_type(name, "an iterable", &value))
}

fn count(args: &mut Args, name: &str) -> Result<Option<usize>, Flow> {
    Ok(args.optional_int(name)?.map(|number| usize::try_from(number.max(0)).unwrap_or(usize::MAX)))
}

fn run(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    let result = match name {
        "count" | "cycle" => {
            return Err(raise(format!("modules.itertools.{name}() has no end; loop over a `range` instead")));
        }
        "tee" => {
            let items = iterable(args, "iterable")?;
            let copies = count(args, "n")?.unwrap_or(2).min(1000);
            args.finish()?;
            return Ok(Value::tuple((0..copies).map(|_| Value::list(items.clone())).collect()));
        }
        "chain" => {
            let mut chained = Vec::new();
            for value in args.rest() {
                chained.extend(value.iterate().ok_or_else(|| args.wrong_type("iterables", "iterables", &value))?);
            }
            chained
        }
        "product" => {
            let repeat = args.keyword.shift_remove("repeat").and_then(|value| usize::try_from(value.as_int()?).ok());
            let mut pools: Vec<Vec<Value>> = Vec::new();
            for value in args.rest() {
                pools.push(value.iterate().ok_or_else(|| args.wrong_type("iterables", "iterables", &value))?);
            }
            product(&std::iter::repeat_n(pools, repeat.unwrap_or(1)).flatten().collect::<Vec<_>>())?
        }
        "combinations" | "combinations_with_replacement" | "permutations" => {
            let pool = iterable(args, "iterable")?;
            let length = count(args, "r")?.unwrap_or(pool.len());
            let mut picked = Vec::new();
            pick(&pool, length, name, &mut Vec::new(), &mut picked)?;
            picked
        }
        "zip_longest" => {
            let fill = args.keyword.shift_remove("fillvalue").unwrap_or(Value::None);
            let columns: Vec<Vec<Value>> =
                args.rest().iter().map(|value| value.iterate().unwrap_or_default()).collect();
            let length = columns.iter().map(Vec::len).max().unwrap_or(0);
            let cell = |column: &Vec<Value>, index: usize| column.get(index).cloned().unwrap_or_else(|| fill.clone());
            (0..length).map(|index| Value::tuple(columns.iter().map(|column| cell(column, index)).collect())).collect()
        }
        "islice" => {
            let items = iterable(args, "iterable")?;
            let first = count(args, "start")?;
            let second = args.optional("stop")?;
            let (start, stop) = match second {
                None => (0, first.unwrap_or(items.len())),
                Some(stop) => {
                    let stop = stop.as_int().and_then(|stop| usize::try_from(stop).ok()).unwrap_or(items.len());
                    (first.unwrap_or(0), stop)
                }
            };
            let step = count(args, "step")?.unwrap_or(1).max(1);
            items.into_iter().take(stop).skip(start).step_by(step).collect()
        }
        "repeat" => {
            let item = args.required("object")?;
            let times = count(args, "times")?.ok_or_else(|| raise("repeat() needs a number of times in templates"))?;
            if times > MAX_RESULTS {
                return Err(too_many());
            }
            vec![item; times]
        }
        "accumulate" => {
            let items = iterable(args, "iterable")?;
            let function = args.optional("func")?.filter(|function| !function.is_none());
            let mut sums: Vec<Value> = Vec::with_capacity(items.len());
            for item in items {
                let next = match (sums.last(), &function) {
                    (None, _) => item,
                    (Some(last), None) => binary(crate::engine::ir::BinaryOp::Add, last, &item).map_err(raise)?,
                    (Some(last), Some(function)) => {
                        interpreter.call_value(function, &mut Args::new("func", vec![last.clone(), item]))?
                    }
                };
                sums.push(next);
            }
            sums
        }
        "compress" => {
            let (data, selectors) = (iterable(args, "data")?, iterable(args, "selectors")?);
            data.into_iter().zip(selectors).filter(|(_, keep)| keep.is_true()).map(|(item, _)| item).collect()
        }
        _ => {
            let function = args.required("function")?;
            let mut results = Vec::new();
            for item in iterable(args, "iterable")? {
                let positional = item.iterate().unwrap_or_default();
                results.push(interpreter.call_value(&function, &mut Args::new("function", positional))?);
            }
            results
        }
    };
    args.finish()?;
    Ok(Value::list(result))
}

fn too_many() -> Flow {
    raise(format!("more than {MAX_RESULTS} results"))
}

fn product(pools: &[Vec<Value>]) -> Result<Vec<Value>, Flow> {
    let total = pools.iter().try_fold(1usize, |total, pool| total.checked_mul(pool.len()));
    if total.is_none_or(|total| total > MAX_RESULTS) {
        return Err(too_many());
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in pools {
        rows = rows
            .into_iter()
            .flat_map(|row| {
                pool.iter().map(move |item| {
                    let mut row = row.clone();
                    row.push(item.clone());
                    row
                })
            })
            .collect();
    }
    Ok(rows.into_iter().map(Value::tuple).collect())
}

/// Chooses positions; which positions may follow is what tells the three functions apart.
fn pick(
    pool: &[Value],
    length: usize,
    name: &str,
    chosen: &mut Vec<usize>,
    picked: &mut Vec<Value>,
) -> Result<(), Flow> {
    if chosen.len() == length {
        if picked.len() >= MAX_RESULTS {
            return Err(too_many());
        }
        picked.push(Value::tuple(chosen.iter().map(|index| pool[*index].clone()).collect()));
        return Ok(());
    }
    for index in 0..pool.len() {
        let fits = match name {
            "permutations" => !chosen.contains(&index),
            "combinations" => chosen.last().is_none_or(|last| index > *last),
            _ => chosen.last().is_none_or(|last| index >= *last),
        };
        if fits {
            chosen.push(index);
            pick(pool, length, name, chosen, picked)?;
            chosen.pop();
        }
    }
    Ok(())
}
