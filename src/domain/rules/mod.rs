//! Interception rules (动态拦截器): what may stop goods on their way besides the three-level binding, at which steps,
//! and how loudly.
//!
//! The binding itself is no rule: a cancelled order, an order that waits for master data, and any hold at the dock stop
//! whatever the configuration says.

pub(super) mod fold;
pub mod recall;

use serde::{Deserialize, Serialize};

use super::order::{Hold, HoldReason, Order, Stage};
use super::station::Mode;
use super::verdict::Code;
use super::view::View;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The address was changed and no supervisor has confirmed it, or upstream says that it will change.
    AddressChange,
    /// A hold for credit.
    Credit,
    /// A hold because the order is not paid.
    Unpaid,
    /// A hold because a drawing is not signed.
    UnsignedDrawing,
    /// Any other risk.
    Risk,
    /// A refund is being asked for.
    Refund,
    /// A hold for any other reason.
    Other,
    /// A product or lot is on a stop-list.
    Recall,
    /// A box is sealed without its gift.
    Gift,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 9] = [
        Rule::AddressChange,
        Rule::Credit,
        Rule::Unpaid,
        Rule::UnsignedDrawing,
        Rule::Risk,
        Rule::Refund,
        Rule::Other,
        Rule::Recall,
        Rule::Gift,
    ];

    /// The rule behind a hold; none where the hold is part of the binding.
    #[must_use]
    pub fn of_hold(hold: &Hold) -> Option<Rule> {
        Some(match (hold.reason, hold.kind.as_deref()) {
            (HoldReason::MasterData, _) => return None,
            (HoldReason::AddressChange, _) => Rule::AddressChange,
            (HoldReason::Refund, _) => Rule::Refund,
            (HoldReason::Other, _) => Rule::Other,
            (HoldReason::Risk, Some("credit")) => Rule::Credit,
            (HoldReason::Risk, Some("unpaid")) => Rule::Unpaid,
            (HoldReason::Risk, Some("unsigned_drawing")) => Rule::UnsignedDrawing,
            (HoldReason::Risk, _) => Rule::Risk,
        })
    }

    /// The refusal that it gives.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Rule::Recall => Code::Recalled,
            Rule::Gift => Code::GiftMissing,
            _ => Code::OrderHeld,
        }
    }

    fn is_hold(self) -> bool {
        self.code() == Code::OrderHeld
    }

    /// Whether a person must look before it lets go.
    fn is_review(self) -> bool {
        matches!(self, Rule::AddressChange | Rule::UnsignedDrawing)
    }
}

/// How loud a rule is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleMode {
    /// It records what it would have said, without a signal.
    Observe,
    /// It shows a warning, and the scan passes.
    Warn,
    /// It refuses.
    #[default]
    Block,
}

/// A step at which a rule may bite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Taking goods from the shelf.
    Pick,
    /// Putting them into the box, and sealing it.
    Pack,
    /// Binding the waybill that is stuck on the box.
    Label,
    /// Printing a label.
    Print,
    /// The dock.
    Load,
}

impl Mode {
    /// The steps that a scan of goods or work is part of at a station: a bench picks and packs.
    #[must_use]
    pub fn steps(self) -> &'static [Step] {
        match self {
            Mode::Pick => &[Step::Pick],
            Mode::Pack => &[Step::Pack],
            Mode::Bench => &[Step::Pick, Step::Pack],
            Mode::Load => &[Step::Load],
            Mode::Info => &[],
        }
    }
}

impl Step {
    /// Every step, in the order of the work.
    pub const ALL: [Step; 5] = [Step::Pick, Step::Pack, Step::Label, Step::Print, Step::Load];
}

/// How a rule is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetting {
    /// Which rule.
    pub rule: Rule,
    /// How loud it is.
    pub mode: RuleMode,
    /// Where it bites.
    pub steps: Vec<Step>,
}

/// How the rules are set; one that is not named blocks at every step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    set: Vec<RuleSetting>,
}

/// Blocking rules that a step bears before people begin to work around them (the field's 3-5-1).
pub const BLOCKING_MAX: usize = 3;
/// Warnings that a step bears before nobody reads them.
pub const WARNINGS_MAX: usize = 5;
/// Manual reviews that a step bears before work stands still.
pub const REVIEWS_MAX: usize = 1;

/// A step with more rules than people bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowded {
    /// Which step.
    pub step: Step,
    /// Blocking rules on it; holds that are not set one by one count once.
    pub blocking: usize,
    /// Warnings on it.
    pub warnings: usize,
    /// Manual reviews on it.
    pub reviews: usize,
}

impl Rules {
    /// Rules that are set; of two for the same rule the first counts.
    #[must_use]
    pub fn new(set: Vec<RuleSetting>) -> Self {
        Rules { set }
    }

    fn setting(&self, rule: Rule) -> Option<&RuleSetting> {
        self.set.iter().find(|setting| setting.rule == rule)
    }

    /// How loud a rule is at one of these steps; none where it is not on. A hold at the dock always blocks.
    #[must_use]
    pub fn mode_at(&self, rule: Rule, steps: &[Step]) -> Option<RuleMode> {
        if steps.is_empty() {
            return None;
        }
        if rule.is_hold() && steps.contains(&Step::Load) {
            return Some(RuleMode::Block);
        }
        match self.setting(rule) {
            None => Some(RuleMode::Block),
            Some(setting) => steps.iter().any(|step| setting.steps.contains(step)).then_some(setting.mode),
        }
    }

    /// Whether a rule refuses at one of these steps.
    #[must_use]
    pub fn blocks(&self, rule: Rule, steps: &[Step]) -> bool {
        self.mode_at(rule, steps) == Some(RuleMode::Block)
    }

    /// Whether a hold refuses at one of these steps.
    #[must_use]
    pub fn hold_blocks(&self, hold: &Hold, steps: &[Step]) -> bool {
        Rule::of_hold(hold).is_none_or(|rule| self.blocks(rule, steps))
    }

    /// Why an order may not be worked on at these steps; none if it may. Stop-lists are another matter: a unit is stopped,
    /// not its order.
    #[must_use]
    pub fn objection(&self, order: &Order, steps: &[Step]) -> Option<Code> {
        if order.stage < Stage::StockLocked {
            return Some(Code::OrderNotReleased);
        }
        if order.cancelled {
            return Some(Code::OrderCancelled);
        }
        order.holds.iter().any(|hold| self.hold_blocks(hold, steps)).then_some(Code::OrderHeld)
    }

    /// Why an order's label may not be printed now: the order may not be worked on, or goods of it are on a stop-list.
    #[must_use]
    pub fn stops_printing(&self, view: &dyn View, order: &Order) -> Option<Code> {
        let recalled = || self.blocks(Rule::Recall, &[Step::Print]) && !recall::on_order(view, order).is_empty();
        self.objection(order, &[Step::Print]).or_else(|| recalled().then_some(Code::Recalled))
    }

    /// Steps with more than three blocking rules, five warnings or one manual review.
    #[must_use]
    pub fn crowded(&self) -> Vec<Crowded> {
        let on = |step: Step| {
            let mode = |rule: Rule| match (rule, step) {
                (Rule::Gift, Step::Pick | Step::Label | Step::Print | Step::Load) => None,
                _ => self.mode_at(rule, &[step]),
            };
            // at the dock every hold blocks: that is the binding, and counts as one
            let is_own = |rule: Rule| self.setting(rule).is_some() && step != Step::Load;
            let count = |wanted: RuleMode| {
                let named = |rule: &&Rule| is_own(**rule) || !rule.is_hold();
                let one_by_one = Rule::ALL.iter().filter(named).filter(|rule| mode(**rule) == Some(wanted)).count();
                let unnamed_holds = Rule::ALL.iter().any(|rule| !named(&rule));
                one_by_one + usize::from(wanted == RuleMode::Block && unnamed_holds)
            };
            let is_review = |rule: &&Rule| {
                let counts = is_own(**rule) || **rule == Rule::AddressChange;
                counts && rule.is_review() && mode(**rule) == Some(RuleMode::Block)
            };
            Crowded {
                step,
                blocking: count(RuleMode::Block),
                warnings: count(RuleMode::Warn),
                reviews: Rule::ALL.iter().filter(is_review).count(),
            }
        };
        let too_much = |crowded: &Crowded| {
            crowded.blocking > BLOCKING_MAX || crowded.warnings > WARNINGS_MAX || crowded.reviews > REVIEWS_MAX
        };
        Step::ALL.into_iter().map(on).filter(too_much).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rule: Rule, mode: RuleMode, steps: &[Step]) -> RuleSetting {
        RuleSetting { rule, mode, steps: steps.to_vec() }
    }

    #[test]
    fn a_rule_is_on_at_its_steps_and_a_hold_always_at_the_dock() {
        let rules = Rules::new(vec![set(Rule::Unpaid, RuleMode::Warn, &[Step::Pack])]);
        assert_eq!(rules.mode_at(Rule::Unpaid, &[Step::Pick]), None);
        assert_eq!(rules.mode_at(Rule::Unpaid, &[Step::Pick, Step::Pack]), Some(RuleMode::Warn));
        assert!(rules.blocks(Rule::Unpaid, &[Step::Load]));
        assert!(rules.blocks(Rule::Credit, &[Step::Print]), "what is not set blocks");
        let quiet = Rules::new(vec![set(Rule::Recall, RuleMode::Observe, &Step::ALL)]);
        assert_eq!(quiet.mode_at(Rule::Recall, &[Step::Load]), Some(RuleMode::Observe));
    }

    #[test]
    fn a_step_bears_three_blocking_rules_and_one_review() {
        assert_eq!(Rules::default().crowded(), []);
        let four = Rules::new(vec![set(Rule::Unpaid, RuleMode::Block, &[Step::Pack])]);
        let expected = Crowded { step: Step::Pack, blocking: 4, warnings: 0, reviews: 1 };
        assert_eq!(four.crowded(), [expected]);
        let quieter = Rules::new(vec![set(Rule::Unpaid, RuleMode::Warn, &[Step::Pack])]);
        assert_eq!(quieter.crowded(), []);
        let reviews = Rules::new(vec![set(Rule::UnsignedDrawing, RuleMode::Block, &[Step::Print])]);
        assert_eq!(reviews.crowded().iter().map(|crowded| crowded.reviews).collect::<Vec<_>>(), [2]);
        let all = Rule::ALL.map(|rule| set(rule, RuleMode::Warn, &[Step::Pick])).to_vec();
        assert_eq!(Rules::new(all).crowded().first().map(|crowded| crowded.warnings), Some(8));
    }
}
