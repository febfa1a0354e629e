//! A machine as it was defined: states, the edges of every event, timers. `lib/machine/definition.ts` compiles it and
//! reports what is wrong with a configuration. This module only checks that the indices, names and numbers are sound.

use serde::Deserialize;

/// A number in an instance's text has at most this many digits.
const LONGEST_MS: u64 = 999_999_999_999_999;

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    pub id: String,
    /// Index of the state a new instance is in. Every number below that names a state is such an index.
    pub initial: usize,
    pub states: Vec<StateNode>,
    pub events: Vec<Event>,
    /// How many entries of its history an instance keeps.
    pub history_limit: u64,
    /// How long a finished instance is kept.
    pub retention_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateNode {
    pub name: String,
    /// Nothing leads on from this state: the instance is finished.
    #[serde(rename = "final")]
    pub is_final: bool,
    pub after: Option<Timer>,
}

/// A transition by time, `ms` after the state was entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timer {
    pub ms: u64,
    pub to: usize,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub name: String,
    /// At most one edge leaves each state.
    pub edges: Vec<Edge>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
}

impl Machine {
    /// # Errors
    /// Says why the text does not define a machine.
    pub fn parse(json: &str) -> Result<Self, String> {
        let machine: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let count = machine.states.len();
        let mut indices = (machine.states.iter().filter_map(|state| state.after).map(|timer| timer.to))
            .chain(machine.events.iter().flat_map(|event| &event.edges).flat_map(|edge| [edge.from, edge.to]))
            .chain([machine.initial]);
        if indices.any(|index| index >= count) {
            return Err("a state's index is out of range".into());
        }
        let is_bad = |name: &String| name.is_empty() || name.contains(char::is_control);
        if is_bad(&machine.id)
            || machine.states.iter().any(|state| is_bad(&state.name))
            || machine.events.iter().any(|event| is_bad(&event.name))
        {
            return Err("a name is empty or holds a control character".into());
        }
        let mut durations = machine.states.iter().filter_map(|state| state.after).map(|timer| timer.ms);
        if durations.any(|ms| ms > LONGEST_MS) || machine.retention_ms > LONGEST_MS {
            return Err("a duration has more than 15 digits".into());
        }
        // A circle of timers would fire forever.
        let ends = |from| machine.timers_from(from).take(count).count() < count;
        if machine.history_limit == 0 || !(0..count).all(ends) {
            return Err("the history limit is 0, or states time out into each other forever".into());
        }
        Ok(machine)
    }

    /// The state's timer, the timer of the state it leads to, and so on.
    fn timers_from(&self, state: usize) -> impl Iterator<Item = Timer> {
        std::iter::successors(self.states[state].after, |timer| self.states[timer.to].after)
    }

    #[must_use]
    pub fn state(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name == name)
    }

    /// Where `event` leads from this state.
    #[must_use]
    pub fn target(&self, event: usize, from: &str) -> Option<&str> {
        let edge = self.events[event].edges.iter().find(|edge| self.states[edge.from].name == from)?;
        Some(&self.states[edge.to].name)
    }

    #[must_use]
    pub fn timer(&self, state: &str) -> Option<Timer> {
        self.states[self.state(state)?].after
    }

    #[must_use]
    pub fn is_final(&self, state: &str) -> bool {
        self.state(state).is_some_and(|index| self.states[index].is_final)
    }
}
