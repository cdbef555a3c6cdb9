//! An order that an operator states is taken at its word.
//!
//! The engine's last check derives the order of an expression from the ranges of its parts. Of a function it knows no range,
//! and then comparing or adding fails: `order by length(s) > 1` over several partitions is planned rightly, with its sort
//! where it has to be, and then refused. Where the check fails, each operator is looked at again: a required order is met
//! too when the operator below it states that very order.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{EquivalenceProperties, LexRequirement};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::{check_finiteness_requirements, check_plan_sanity};
use datafusion::physical_plan::execution_plan::InvariantLevel;
use datafusion::physical_plan::{ChildSatisfactionOptions, ExecutionPlan, ExecutionPlanProperties};
use std::sync::Arc;

/// The engine's check, and what it does not know.
#[derive(Debug)]
pub(crate) struct StatedOrders(pub(crate) Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for StatedOrders {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if let Ok(plan) = self.0.optimize(Arc::clone(&plan), config) {
            return Ok(plan);
        }
        plan.apply(|operator| match check_plan_sanity(operator, &config.optimizer) {
            Err(error) if !is_met(operator, config)? => Err(error),
            _ => Ok(TreeNodeRecursion::Continue),
        })?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether all that an operator asks for is there, stated orders among it.
fn is_met(operator: &Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<bool> {
    check_finiteness_requirements(operator.as_ref(), &config.optimizer)?;
    operator.check_invariants(InvariantLevel::Executable)?;
    let distributions = operator.input_distribution_requirements();
    for ((place, child), order) in operator.children().into_iter().enumerate().zip(operator.required_input_ordering()) {
        if let Some(order) = order.map(|order| order.into_single()) {
            let known = child.equivalence_properties();
            if !known.ordering_satisfy_requirement(order.clone())? && !states(known, &order) {
                return Ok(false);
            }
        }
        let options = ChildSatisfactionOptions::new().with_allow_subset(true);
        if !distributions.child_satisfaction(place, child.as_ref(), options)?.is_satisfied() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one of the stated orders is the required one, expression by expression. What is the same in every row orders
/// nothing.
fn states(known: &EquivalenceProperties, required: &LexRequirement) -> bool {
    known.oeq_class().iter().any(|stated| {
        let mut stated = stated.iter().peekable();
        required.iter().all(|wanted| {
            let is_next = stated.next_if(|next| {
                next.expr.eq(&wanted.expr) && wanted.options.is_none_or(|options| options == next.options)
            });
            is_next.is_some() || known.is_expr_constant(&wanted.expr).is_some()
        })
    })
}
