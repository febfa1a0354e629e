//! The Lua on a real Redis, the embedded store and the pure model are one state machine: random sequences of commands
//! give the same answers, the same bytes, the same TTLs and the same news. `ACTONCE_LONG=1` runs the long form.

mod support;

use proptest::test_runner::{Config, TestError, TestRunner};

use support::lua::Lua;
use support::sequence::{Step, steps};
use support::server::Server;
use support::{cases, run::compare};

fn hold_for_every_sequence(cases: u32, check: impl Fn(&mut Lua, &[Step]) -> Result<(), String>) {
    let server = Server::start();
    let lua = std::cell::RefCell::new(Lua::load(server.connect()));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let result = TestRunner::new(config).run(&steps(), |steps| {
        check(&mut lua.borrow_mut(), &steps).map_err(proptest::test_runner::TestCaseError::fail)
    });
    if let Err(TestError::Fail(reason, steps)) = result {
        panic!("{reason}\nafter the smallest sequence that shows it:\n{steps:#?}");
    }
}

#[test]
fn the_lua_the_model_and_the_embedded_store_agree() {
    hold_for_every_sequence(cases(1_000, 100_000), |lua, steps| compare(lua, steps, false));
}

#[test]
fn every_command_may_be_delivered_twice() {
    hold_for_every_sequence(cases(500, 50_000), |lua, steps| compare(lua, steps, true));
}
