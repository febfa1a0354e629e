//! The differential run of state machines can fail: it notices each single edit that breaks the script.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::cell::RefCell;

use actonce::model::machine::Machine;
use actonce::scripts::TRANSITION;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use support::machine::{Lua, compare};
use support::machine_seldom::seldom;
use support::machine_steps::{machines, steps};
use support::server::Server;

const CASES: u32 = 250;

/// What is broken, and the edit, which must fit exactly one place.
const MUTANTS: &[(&str, &str, &str)] = &[
    ("the bytes of forgotten entries counted", "first + 1, older_bytes - #whole", "first + 1, older_bytes"),
    ("an entry less kept", "(is_long and version - first >= kept or", "(is_long and version - first >= kept - 1 or"),
    ("an entry more kept", "(is_long and version - first >= kept or", "(is_long and version - first > kept or"),
    ("every entry kept", "local is_long = version - first >= kept + 16", "local is_long = false"),
    ("no entry to spare", "kept + 16", "kept"),
    ("one more to spare", "kept + 16", "kept + 17"),
    ("a short history remembers as little as it shows", "math.max(history_limit, 16)", "history_limit"),
    ("a long history remembers less than it shows", "math.max(history_limit, 16)", "16"),
    ("a short history remembers one step less", "math.max(history_limit, 16)", "math.max(history_limit, 15)"),
    ("the history grows without end", "if is_long or older_bytes > 65536 then", "if is_long then"),
    ("the newest entry counted", "16), history_bytes - #entry", "16), history_bytes"),
    ("what is large takes its step with it", "  if older_bytes > 65536 then\n    for", "  if false then\n    for"),
    ("everything large goes", "if older_bytes <= 49152 then break end", ""),
    (
        "what is large goes to the last byte",
        "if older_bytes <= 49152 then break end",
        "if older_bytes <= 65536 then break end",
    ),
    ("the newest loses what is large", "and version - 1 or version - kept", "and version or version - kept"),
    ("data of before taken for the same", "'0 ' .. string.sub(whole, start + length, start + length)", "'0 '"),
    ("data of before kept", "string.sub(whole, start + length, start + length)", "string.sub(whole, start + length)"),
    ("what is large stays where it was", "    if slim[index] then\n", "    if false then\n"),
    ("what went counted still", "older_bytes - #whole + #entries[index]", "older_bytes"),
    ("many steps forgotten for their bytes at once", "or is_large and older_bytes > 49152", "or older_bytes > 49152"),
    ("cut to the last byte", "or is_large and older_bytes > 49152", "or older_bytes > 65536"),
    ("the newest entry's bytes forgotten", "history_bytes = older_bytes + #entry", "history_bytes = older_bytes"),
    ("a forgotten token kept", "string.match(whole, '^%u%d+ %d+ ([%w_-]+)')", "nil"),
    ("forgotten entries kept", "if #forgotten > 0 then redis.call('HDEL', key, unpack(forgotten)) end", ""),
    (
        "the oldest not told anew",
        "changed = {'head', header(version_text",
        "changed = {'head', head or header(version_text",
    ),
    ("spare entries told", "math.max(first, version - history_limit + 1)", "first"),
    ("a trail cut short", "command == 'trail' and first or math.max", "math.max"),
    ("absent drained, still listed", "if command == 'drain' then redis.call('ZREM', due_set, member) end", ""),
    ("absent made by any command", "if not head and initial == '' then", "if not head and false then"),
    (
        "a final state kept forever",
        "if string.byte(states, found + 1) == 70 then return true end",
        "if string.byte(states, found + 1) == 70 then return false end",
    ),
    (
        "a name found inside another",
        "local _, found = string.find(states, '\\n' .. state .. '\\t', 1, true)",
        "local _, found = string.find(states, state .. '\\t', 1, true)",
    ),
    ("version kept", "version, entered_ms, state = version + 1,", "version, entered_ms, state = math.max(version, 1),"),
    ("a timer keeps the version", "version, entered_ms = version + 1,", "version, entered_ms = version,"),
    ("payload's length forgotten", "#payload .. ' ' .. payload", "'0 ' .. payload"),
    ("entered kept", "version + 1, now_ms, string.match", "version + 1, entered_ms, string.match"),
    (
        "waited kept",
        "history_bytes + #entry, true, '0'\n    is_final",
        "history_bytes + #entry, true, waited\n    is_final",
    ),
    (
        "waited kept by a timer",
        "history_bytes + #entry, timer_target, true, '0'",
        "history_bytes + #entry, timer_target, true, waited",
    ),
    ("known fence kept beside the new", "if known then callers", "if false then callers"),
    ("callers grow without end", "#callers > 640 and string.sub(callers, 41) or callers", "callers"),
    ("finished, and kept forever", "if is_final then redis.call('PEXPIRE', key, ARGV[5])", "if false then"),
    ("finished no more, and not kept", "elseif had_ttl then redis.call('PERSIST', key) end", "end"),
    ("a TTL taken that it did not give", "elseif had_ttl then redis", "else redis"),
    ("not marked as finished", "expires = is_final and '1' or '0'", "expires = '0'"),
    (
        "unlisted timer",
        "if moved or command == 'drain' then\n    redis.call('ZADD'",
        "if moved and command ~= 'drain' then\n    redis.call('ZADD'",
    ),
    ("a timer stays listed", "elseif moved and had_timer then", "elseif false then"),
    ("a stale listing stays", "elseif command == 'drain' and string.find", "elseif false and string.find"),
    (
        "a state that is unknown loses its timer",
        "and string.find(states, '\\n' .. state .. '\\t', 1, true) then",
        "then",
    ),
    ("a timer that is unknown is lost", "<= now_ms - 86400000 then", "<= now_ms then"),
    ("a timer that is unknown is kept a moment longer", "<= now_ms - 86400000 then", "< now_ms - 86400000 then"),
    ("nobody told", "if moved and was_waited == '1' then redis.pcall('PUBLISH', key, 'M') end", ""),
    ("everybody told", "if moved and was_waited == '1' then", "if moved then"),
    ("the time left forgotten", "math.max(entered_ms + after_ms - now_ms, 0)", "after_ms"),
    ("history always told", "if command == 'history' or command == 'trail' then", "if reply[8] then"),
    ("a trail not told", "if command == 'history' or command == 'trail' then", "if command == 'history' then"),
    ("a millisecond late", "entered_ms + after_ms <= now_ms do", "entered_ms + after_ms < now_ms do"),
    ("fired now instead of when due", "version + 1, entered_ms + after_ms", "version + 1, now_ms"),
    ("fired is not counted", "string.format('%.0f', version - stored_version), '0'", "'0', '0'"),
    ("created twice", "created = known and '1' or '0'", "created = '1'"),
    ("never created by this one", "created = known and '1' or '0'", "created = '0'"),
    ("made without data", "#entry, ARGV[8], true, '0', '1'", "#entry, '', true, '0', '1'"),
    ("made without its token", "fields = {'1', entry, token, '1'}", "fields = {'1', entry}"),
    ("never marked", "elseif command == 'wait' and waited == '0' then", "elseif false then"),
    ("a stale fence accepted", "if fence and fence > own_fence then", "if false then"),
    ("its own fence refused", "fence > own_fence then", "fence >= own_fence then"),
    ("not idempotent", "  elseif known then\n", "  elseif false then\n"),
    ("a lost reply taken for a repeat", "is_same and 'moved' or 'replayed'", "'replayed'"),
    ("a repeat taken for a lost reply", "is_same and 'moved' or 'replayed'", "'moved'"),
    ("a lost reply of its own call not known", "its_by == by or (its_fence", "(its_fence"),
    (
        "a lost reply of its own attempt not known",
        "its_by == by or (its_fence and its_fence == own_fence)",
        "its_by == by",
    ),
    ("a first attempt repeats", "#ARGV[12] == 57 or (its_until", "(its_until"),
    (
        "a repeat of a record that is gone",
        "(#ARGV[12] == 57 or (its_until and own_fence > its_until))",
        "#ARGV[12] == 57",
    ),
    ("a record gone a moment early", "own_fence > its_until", "own_fence >= its_until"),
    ("a later attempt's step repeated", "elseif not is_same and not is_older then", "elseif false then"),
    (
        "of an entry with no fence everything is stale",
        "own_fence == '' or not its_fence or its_fence",
        "own_fence == '' or its_fence and its_fence",
    ),
    ("of a call everything with a fence is stale", "own_fence == '' or not its_fence", "not its_fence"),
    ("a token of two entries", "if disowned then fields", "if false then fields"),
    ("an entry does not say whose it is", "local by_field = by ~= '' and ' ' .. by or ''", "local by_field = ''"),
    ("the token of an earlier step", "token, version_text\n", "token, string.format('%.0f', version - 1)\n"),
    ("another event's result", "if kind == 'E' and its_event ~= event then", "if false then"),
    ("the data of now", "left_ms, data_then}", "left_ms, data}"),
    ("the data of the last change", "for index = #later, 2, -1 do", "for index = 2, #later do"),
    ("forgotten data taken for that of now", "if #later[index] >= start", "if #later[index] > start"),
    ("the successor's fence forgotten", "if caller ~= '' and string.sub(callers, -40) ~= caller then", "if false then"),
    ("the successor's fence not kept", "    patched = true\n", ""),
    ("time left of a past state", "its_version == version_text and left(", "left("),
    ("any version", "elseif ARGV[11] ~= '' and ARGV[11] ~= version_text then", "elseif false then"),
    ("any event", "reply = {'illegal', state, version_text}", "reply = {'moved', state, state, '1', '1', '', ''}"),
    (
        "an edge of another state",
        "string.find(ARGV[10], '\\n' .. state .. '\\t', 1, true)",
        "string.find(ARGV[10], state .. '\\t', 1, true)",
    ),
    ("created without an entry", "fields, history_bytes = {'1', created}, #created", "first = 2"),
    ("created without its bytes", "fields, history_bytes = {'1', created}, #created", "fields = {'1', created}"),
    ("the data kept", "mark, before, data = '<', data, ARGV[8]", "mark, before = '<', data"),
    ("what was before forgotten", "mark, before, data = '<', data, ARGV[8]", "data = ARGV[8]"),
    ("data that was not sent", "if ARGV[14] == '<' then", "if true then"),
    ("the payload forgotten", "from, state, ARGV[13], mark", "from, state, '', mark"),
    ("the caller forgotten", "if caller ~= '' then fields[n + 5]", "if false then fields[n + 5]"),
];

/// Sends every command twice, because a script that is not idempotent is broken too.
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
    for (what, from, _) in MUTANTS {
        assert_eq!(TRANSITION.source.matches(from).count(), 1, "{what}: the edit must fit exactly one place");
    }
    let mut survivors = Vec::new();
    for (what, from, to) in MUTANTS {
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
