//! A key that stands twice in a ROLLUP or CUBE counts once in each of its sets; the planner would make two columns of it.

use datafusion::sql::sqlparser::ast::Expr;

/// The sets of a ROLLUP or CUBE in which a key stands twice; `None` where none does, or there are too many sets.
pub(super) fn sets_of_twins(expr: &Expr) -> Option<Expr> {
    let (Expr::Rollup(parts) | Expr::Cube(parts)) = expr else { return None };
    let keys: Vec<&Expr> = parts.iter().flatten().collect();
    let has_twins = keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key));
    if !has_twins || parts.len() > 8 {
        return None;
    }
    let once = |parts: &mut dyn Iterator<Item = &Vec<Expr>>| {
        let mut keys: Vec<Expr> = Vec::new();
        for key in parts.flatten() {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    };
    let count = parts.len();
    let sets = match expr {
        Expr::Rollup(_) => (0..=count).rev().map(|length| once(&mut parts.iter().take(length))).collect(),
        _ => (0..1_usize << count)
            .rev()
            .map(|chosen| {
                let kept = parts.iter().enumerate().filter(|(at, _)| chosen >> (count - 1 - at) & 1 == 1);
                once(&mut kept.map(|(_, part)| part))
            })
            .collect(),
    };
    Some(Expr::GroupingSets(sets))
}
