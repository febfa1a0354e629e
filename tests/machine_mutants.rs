//! The differential run of state machines is able to fail: each single edit that breaks the script is noticed.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::cell::RefCell;

use actonce::model::machine::Machine;
use actonce::scripts::TRANSITION;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use support::machine::{Lua, compare, seldom};
use support::machine_steps::{machines, steps};
use support::server::Server;

const CASES: u32 = 250;

/// What is broken, and the edit, which has to fit exactly one place.
const MUTANTS: &[(&str, &str, &str)] = &[
    ("finished, and its history kept for ever", "redis.call('PEXPIRE', history, ARGV[5])", ""),
    ("an earlier instance's history kept by create", "    redis.call('DEL', history)\n    go(", "    go("),
    ("an earlier instance's history kept by send", "  redis.call('DEL', history)\n  go(", "  go("),
    (
        "the bytes of forgotten entries counted",
        "history_bytes = history_bytes - #(redis.call('LPOP', history) or '')",
        "redis.call('LPOP', history)",
    ),
    ("the oldest token kept", "tokens = string.sub(tokens, first) ..", "tokens = tokens .."),
    ("absent drained, still listed", "if command == 'drain' then redis.call('ZREM', due_set, member) end", ""),
    ("absent made by any command", "elseif ARGV[6] == '' then", "elseif false then"),
    (
        "a final state kept for ever",
        "if string.byte(states, found + 1) == 70 then is_final = true return end",
        "if string.byte(states, found + 1) == 70 then return end",
    ),
    (
        "a name found inside another",
        "string.find(states, '\\n' .. state .. '\\t', 1, true)",
        "string.find(states, state .. '\\t', 1, true)",
    ),
    ("version kept", "version = version + 1", "version = math.max(version, 1)"),
    ("payload's length forgotten", "#payload .. ' ' .. payload", "'0 ' .. payload"),
    (
        "entered kept",
        "state, entered_ms, moved, waited = target, at_ms, true, '0'",
        "state, entered_ms, moved, waited = target, entered_ms, true, '0'",
    ),
    (
        "waited kept",
        "state, entered_ms, moved, waited = target, at_ms, true, '0'",
        "state, entered_ms, moved = target, at_ms, true",
    ),
    ("one entry too many", "size > 12 * history_limit", "size > 12 * (history_limit + 1)"),
    ("the history grows without end", " or history_bytes > 65536)", ")"),
    ("known fence kept beside the new", "if known then callers", "if false then callers"),
    ("callers grow without end", "if #callers > 640 then callers = string.sub(callers, 41) end", ""),
    (
        "a patch loses the TTL",
        "elseif not moved then redis.call('SET', key, text, 'KEEPTTL')",
        "elseif not moved then redis.call('SET', key, text)",
    ),
    ("the mark loses the TTL", "redis.pcall('SET', key, text, 'KEEPTTL')", "redis.pcall('SET', key, text)"),
    ("finished, and kept for ever", "    elseif is_final then\n", "    elseif false then\n"),
    (
        "unlisted timer",
        "if moved or command == 'drain' then redis.call('ZADD'",
        "if moved and command ~= 'drain' then redis.call('ZADD'",
    ),
    (
        "a timer stays listed",
        "elseif command == 'drain' or (moved and had_timer) then",
        "elseif command == 'drain' then",
    ),
    (
        "a stale listing stays",
        "elseif command == 'drain' or (moved and had_timer) then",
        "elseif moved and had_timer then",
    ),
    ("nobody told", "if moved and was_waited then redis.pcall('PUBLISH', key, 'M') end", ""),
    ("everybody told", "if moved and was_waited then", "if moved then"),
    ("the time left forgotten", "int(math.max(entered_ms + after_ms - now_ms, 0))", "int(after_ms)"),
    ("history always told", "if command == 'history' then", "if true then"),
    ("a millisecond late", "entered_ms + after_ms <= now_ms do", "entered_ms + after_ms < now_ms do"),
    (
        "fired now instead of when due",
        "timer_target, entered_ms + after_ms, NO_TOKEN",
        "timer_target, now_ms, NO_TOKEN",
    ),
    ("fired is not counted", "fired = fired + 1", ""),
    ("created twice", "created = string.find(tokens, ARGV[7], 1, true) and '1' or '0'", "created = '1'"),
    ("never created by this one", "created = string.find(tokens, ARGV[7], 1, true) and '1' or '0'", "created = '0'"),
    ("made without data", "data = ARGV[8]\n", "\n"),
    ("never marked", "if command == 'wait' and waited == '0' then", "if false then"),
    ("a stale fence accepted", "if fence and fence > string.sub(caller, 24, 39) then", "if false then"),
    ("its own fence refused", "fence > string.sub(caller, 24, 39)", "fence >= string.sub(caller, 24, 39)"),
    ("not idempotent", "  if found then\n    -- Included", "  if false then\n    -- Included"),
    ("the entry before it", "local place = (found - 1) / 12", "local place = math.max((found - 1) / 12 - 1, 0)"),
    ("another event's result", "if kind == 'E' and its_event ~= event then", "if false then"),
    ("the data of now", "left_ms, data_then})", "left_ms, data})"),
    ("the data of the last change", "for index = #later, 2, -1 do", "for index = 2, #later do"),
    ("the successor's fence forgotten", "    meet(caller)\n    patched = true\n", ""),
    ("the successor's fence not kept", "    patched = true\n", ""),
    ("time left of a past state", "its_version == version_text and left() or ''", "left()"),
    ("any version", "if ARGV[11] ~= '' and ARGV[11] ~= version_text then", "if false then"),
    (
        "any event",
        "if not found then return done({'illegal', from, version_text}) end",
        "if not found then return done({'moved', from, from, '1', '1', '', ''}) end",
    ),
    (
        "an edge of another state",
        "string.find(ARGV[10], '\\n' .. from .. '\\t', 1, true)",
        "string.find(ARGV[10], from .. '\\t', 1, true)",
    ),
    ("created without an entry", "  go('C', '', from, now_ms, NO_TOKEN, '', '')\n", "  state = from\n"),
    ("the data kept", "before, data = '<' .. data, string.sub(ARGV[8], 2)", "before = '<' .. data"),
    (
        "what was before forgotten",
        "before, data = '<' .. data, string.sub(ARGV[8], 2)",
        "data = string.sub(ARGV[8], 2)",
    ),
    ("the payload forgotten", "now_ms, token, ARGV[13], before)", "now_ms, token, '', before)"),
    ("the caller forgotten", "if caller ~= '' then meet(caller) end", ""),
];

/// With every command twice: not to be idempotent is a way to be broken, too.
fn differs(lua: &RefCell<Lua>) -> bool {
    let broken = |twice: bool, roomy: bool| {
        let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let run = runner.run(&(machines(), steps()), |(machine, steps)| {
            let history_limit = if roomy { 50 } else { machine.history_limit };
            let machine = Machine { history_limit, ..machine };
            compare(&mut lua.borrow_mut(), &machine, &steps, twice).map_err(TestCaseError::fail)
        });
        run.is_err()
    };
    broken(false, false) || broken(true, true) || seldom(&mut lua.borrow_mut()).is_err()
}

#[test]
fn every_broken_script_is_noticed() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    let mut survivors = Vec::new();
    for (what, from, to) in MUTANTS {
        assert_eq!(TRANSITION.source.matches(from).count(), 1, "{what}: the edit has to fit exactly one place");
        lua.borrow_mut().replace(&TRANSITION.source.replace(from, to));
        if !differs(&lua) {
            survivors.push(what);
        }
    }
    assert!(survivors.is_empty(), "not noticed: {survivors:#?}");
}

#[test]
fn an_edit_that_changes_nothing_is_not_noticed() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    lua.borrow_mut().replace(&format!("{}-- the same\n", TRANSITION.source));
    assert!(!differs(&lua));
}
