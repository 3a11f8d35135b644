//! One line of the table: what is known of one property of one type before any device has spoken.

use super::shape::TimeForm;

/// A type and what a person can see and do with it, in the order of importance.
pub(super) type Type = (&'static str, &'static [Row]);

/// One property of one type.
pub(super) struct Row {
    pub(super) property: &'static str,
    pub(super) kind: Kind,
    /// Whether the type has a POST, and the property is not read-only.
    pub(super) writable: bool,
    /// Shown only where the value has it.
    pub(super) optional: bool,
    /// Asked about before it is set.
    pub(super) confirm: bool,
}

impl Row {
    /// One that a person is asked about first.
    pub(super) const fn asking(mut self) -> Self {
        self.confirm = true;
        self
    }
}

/// The shapes, as far as the type alone decides them.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Switch,
    /// A state that can be switched off, and not on.
    OffOnly,
    State,
    Motion,
    Lock,
    Level(Span),
    Position(Span),
    Temperature,
    Number(Ends),
    Colour,
    Hue,
    Xy,
    Choice(Pick),
    /// One button, which sends true.
    Button,
    /// The keys that the property lists, sent as `?action=`: `oic.r.remotecontrol`.
    Keys,
    /// Every lamp on a DALI bus.
    Dali,
    Text,
    Time(TimeForm),
    Schedule(Plan),
    Reading(Option<&'static str>),
    /// A contaminant's measure, whose unit hangs on what it is.
    Contaminant,
    /// Of each number in it.
    List(Option<&'static str>),
    Collection,
    Hidden,
}

impl Kind {
    /// Whether it is a number with a range; the first such of a type has the resource's own `range` and `step`.
    pub(super) fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Level(_) | Self::Position(_) | Self::Temperature | Self::Number(_) | Self::Hue | Self::Colour
        )
    }
}

/// A range where the device tells none.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) step: f64,
    /// Empty: none.
    pub(super) unit: &'static str,
}

/// The ends of a number where the device tells none.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) step: Option<f64>,
    /// Empty: none.
    pub(super) unit: &'static str,
}

/// What there is to choose from.
#[derive(Clone, Copy)]
pub(super) struct Pick {
    /// The property that lists it; empty: none does.
    pub(super) from: &'static str,
    /// What the type itself allows, where the device lists nothing.
    pub(super) fixed: &'static [&'static str],
    /// Whether the value is a list.
    pub(super) as_list: bool,
    /// Whether more than one may be chosen.
    pub(super) several: bool,
}

/// The other properties of a schedule.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) form: TimeForm,
    pub(super) stop: Option<&'static str>,
    pub(super) minutes: Option<&'static str>,
}

pub(super) const PERCENT: Span = Span { min: 0.0, max: 100.0, step: 1.0, unit: "%" };
/// 2,000 to 6,500 K: what white lamps span. `ct` counts in mired.
pub(super) const MIRED: Span = Span { min: 153.0, max: 500.0, step: 1.0, unit: "mired" };
/// Both directions, all the way round.
pub(super) const TURN: Span = Span { min: -180.0, max: 180.0, step: 1.0, unit: "°" };

/// Can be set, also before its value is known.
pub(super) const fn set(property: &'static str, kind: Kind) -> Row {
    Row { property, kind, writable: true, optional: false, confirm: false }
}

/// Can be set where the device has it.
pub(super) const fn may_set(property: &'static str, kind: Kind) -> Row {
    Row { property, kind, writable: true, optional: true, confirm: false }
}

/// Is read.
pub(super) const fn tell(property: &'static str, kind: Kind) -> Row {
    Row { property, kind, writable: false, optional: false, confirm: false }
}

/// Is read where the device has it.
pub(super) const fn may_tell(property: &'static str, kind: Kind) -> Row {
    Row { property, kind, writable: false, optional: true, confirm: false }
}

pub(super) const fn level(min: f64, max: f64, unit: &'static str) -> Kind {
    Kind::Level(Span { min, max, step: 1.0, unit })
}

/// Any number of this unit.
pub(super) const fn number(unit: &'static str) -> Kind {
    Kind::Number(Ends { min: None, max: None, step: None, unit })
}

/// 0 or more.
pub(super) const fn amount(unit: &'static str) -> Kind {
    Kind::Number(Ends { min: Some(0.0), max: None, step: None, unit })
}

/// 0, 1, 2 and on.
pub(super) const fn count(unit: &'static str) -> Kind {
    Kind::Number(Ends { min: Some(0.0), max: None, step: Some(1.0), unit })
}

/// Whole numbers from this one on.
pub(super) const fn from(min: f64) -> Kind {
    Kind::Number(Ends { min: Some(min), max: None, step: Some(1.0), unit: "" })
}

/// Any whole number.
pub(super) const ANY_WHOLE: Kind = Kind::Number(Ends { min: None, max: None, step: Some(1.0), unit: "" });

/// Whole numbers within these.
pub(super) const fn whole(min: f64, max: f64, unit: &'static str) -> Kind {
    Kind::Number(Ends { min: Some(min), max: Some(max), step: Some(1.0), unit })
}

pub(super) const fn reading(unit: &'static str) -> Kind {
    Kind::Reading(Some(unit))
}

/// A number without a unit.
pub(super) const PLAIN: Kind = Kind::Reading(None);

/// One of what another property lists.
pub(super) const fn one_of(from: &'static str) -> Kind {
    Kind::Choice(Pick { from, fixed: &[], as_list: false, several: false })
}

/// One of what the type allows.
pub(super) const fn either(fixed: &'static [&'static str]) -> Kind {
    Kind::Choice(Pick { from: "", fixed, as_list: false, several: false })
}
