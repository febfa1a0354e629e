//! What must always hold, and what must be seen to happen. Otherwise a law might hold only because nothing happens.

use stateright::Property;

use super::caller::{Caller, LEASE_MS, Phase, Told};
use super::world::{EPOCH_MS, Setting, World};

macro_rules! laws {
    ($($law:ident: $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Law { $($law,)* }

        impl Law {
            pub const ALL: &[Self] = &[$(Self::$law,)*];

            pub fn text(self) -> &'static str {
                match self { $(Self::$law => $text,)* }
            }
        }

        fn always() -> Vec<Property<Setting>> {
            vec![$(Property::always($text, |_, world: &World| !world.past.has_broken(Law::$law)),)*]
        }
    };
}

laws! {
    OneHolder: "one holder at a time",
    FencesGrow: "fences grow",
    OutcomeStays: "an outcome stays as it is",
    OneAuthority: "a replaced attempt changes nothing",
    HolderIsRecognised: "a holder that asks again is told that it holds",
    RunsApart: "a second run has a larger fence",
    HoldOnce: "under hold nothing is started a second time",
    EveryoneKnows: "every call that ended is told what became of it",
}

type Seen = fn(&Setting, &World) -> bool;

/// Some of these events are possible only in some settings.
pub const EVENTS: [(&str, Seen); 11] = [
    ("a lease that outlives its length by renewal", |_, world| {
        let now_ms = world.now_ms();
        let acquired_ms = |caller: &Caller| caller.started.map(|fence| (fence / 1_000).saturating_sub(EPOCH_MS));
        any(world, |caller| caller.acts(now_ms) && acquired_ms(caller).is_some_and(|at| at + LEASE_MS < now_ms))
    }),
    ("a takeover", |_, world| world.stored.as_ref().is_some_and(|stored| stored.record.flags.recovered)),
    ("two runs", |_, world| world.callers.iter().filter(|caller| caller.started.is_some()).count() > 1),
    ("an outcome recorded, and its answer lost once", |_, world| told(world, Told::Recorded { again: true })),
    ("a replay", |_, world| told(world, Told::Replayed)),
    ("a zombie that is refused", |_, world| told(world, Told::LeaseLost)),
    ("an error shared by those who waited for it", |_, world| told(world, Told::SharedError)),
    ("a claim withdrawn", |_, world| told(world, Told::GaveUp)),
    ("a claim that nobody runs", |_, world| {
        let owner = world.stored.as_ref().map(|stored| stored.record.owner);
        let gone = |caller: &Caller| matches!(caller.phase, Phase::Told(Told::GaveUp));
        (0..world.callers.len()).any(|at| gone(&world.callers[at]) && owner == Some(Caller::owner(at)))
    }),
    ("an attempt that vanished", |_, world| told(world, Told::Indeterminate)),
    ("an attempt that vanished, and completed after all", |_, world| {
        told(world, Told::Indeterminate)
            && any(world, |caller| matches!(caller.phase, Phase::Told(Told::Recorded { .. })))
    }),
];

fn any(world: &World, is: impl Fn(&Caller) -> bool) -> bool {
    world.callers.iter().any(is)
}

fn told(world: &World, what: Told) -> bool {
    any(world, |caller| caller.phase == Phase::Told(what))
}

pub fn properties() -> Vec<Property<Setting>> {
    let events = EVENTS.iter().map(|(name, seen)| Property::sometimes(name, *seen));
    always().into_iter().chain(events).collect()
}
