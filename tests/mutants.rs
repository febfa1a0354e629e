//! The differential run can fail: with the same generator and a fixed seed, it notices each single edit that breaks a
//! script. A mutant that survives means that a rule of the state machine is not tested.

mod support;

use std::cell::RefCell;

use actonce::scripts::{ALL, Script};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use support::lua::Lua;
use support::run::compare;
use support::sequence::steps;
use support::server::Server;

struct Mutant {
    script: &'static str,
    what: &'static str,
    from: &'static str,
    to: &'static str,
}

const fn mutant(script: &'static str, what: &'static str, from: &'static str, to: &'static str) -> Mutant {
    Mutant { script, what, from, to }
}

/// Enough for the rarest mutant, which only a repeated resolve finds.
const CASES: u32 = 2_000;

const MUTANTS: &[Mutant] = &[
    mutant("begin", "fingerprint not compared", "not ours and fingerprint ~= ARGV[2]", "not ours and false"),
    mutant("begin", "own fingerprint compared", "and not ours and fingerprint", "and fingerprint"),
    mutant("begin", "compared in released", "state ~= 'I' and state ~= 'R' and not ours", "state ~= 'I' and not ours"),
    mutant(
        "begin",
        "compared in indeterminate",
        "state ~= 'I' and state ~= 'R' and not ours",
        "state ~= 'R' and not ours",
    ),
    mutant("begin", "compared with none in the record", "and fingerprint ~= '----------------------' and", "and"),
    mutant("begin", "none compared", "and ARGV[2] ~= '----------------------' then", "then"),
    mutant("begin", "a recorded error replayed as a value", "{'replay_error'", "{'replay'"),
    mutant("begin", "own release runs again", "if ours or (fence", "if (fence"),
    mutant("begin", "an empty release shared", "(fence == ARGV[7] and told ~= '')", "fence == ARGV[7]"),
    mutant(
        "begin",
        "an error shared with those who did not wait",
        "told == '' and fence == ARGV[7] and not ours then",
        "told == '' and not ours then fence = ARGV[7]",
    ),
    mutant("begin", "an error not shared", "type(beside) == 'string' and", "false and"),
    mutant("begin", "another attempt's error shared", "string.sub(beside, 1, #stored) == stored", "true"),
    mutant(
        "begin",
        "an attempt told of its own error",
        "and fence == ARGV[7] and not ours then",
        "and fence == ARGV[7] then",
    ),
    mutant("begin", "recovered lost in a release", "inherited = bits % 4 >= 2 and 2 or 0", "inherited = 0"),
    mutant("begin", "lease not renewed", "redis.call('PEXPIRE', key, string.format('%.0f', ttl_ms))", ""),
    mutant("begin", "recovered not told again", "attempt, bits % 4 >= 2 and '1' or '0'}", "attempt, '0'}"),
    mutant("begin", "lease a millisecond too long", "if remaining_ms > 0 then", "if remaining_ms >= 0 then"),
    mutant("begin", "lease a millisecond too short", "if remaining_ms > 0 then", "if remaining_ms > 1 then"),
    mutant("begin", "the record's life taken for the lease", "= lease_ms - math", "= ttl_ms - math"),
    mutant(
        "begin",
        "lease prolonged by a clock set back",
        "math.max(ttl_ms - math.max(left_ms, 0), 0)",
        "(ttl_ms - left_ms)",
    ),
    mutant("begin", "marked unasked", "if ARGV[6] == '1' and bits", "if bits"),
    mutant("begin", "mark lost", "string.format('%.0f', bits + 1)", "flags"),
    mutant("begin", "marked in the wrong place", "'SETRANGE', key, '56'", "'SETRANGE', key, '57'"),
    mutant("begin", "policy hold ignored", "if bits >= 4 then", "if bits >= 8 then"),
    mutant("begin", "the newcomer's policy decides", "if bits >= 4 then", "if ARGV[5] == '4' then"),
    mutant("begin", "flags lost when held", "string.format('%.0f', bits - bits % 2)", "'4'"),
    mutant("begin", "TTL kept when held", "since_ms, 'PX', ttl)", "since_ms, 'KEEPTTL')"),
    mutant("begin", "since in seconds", "math.floor(now_us / 1000)", "math.floor(now_us / 1000000)"),
    mutant("begin", "nobody told of a hold", "if bits % 2 == 1 then redis.pcall('PUBLISH', key, 'I') end", ""),
    mutant("begin", "waiters forgotten at a takeover", "inherited = 2 + bits % 2", "inherited = 2"),
    mutant("begin", "recovered forgotten at a takeover", "inherited = 2 + bits % 2", "inherited = bits % 2"),
    mutant("begin", "fence not increased", "math.max(now_us, old_fence + 1)", "math.max(now_us, old_fence)"),
    mutant("begin", "fence falls with the clock", "math.max(now_us, old_fence + 1)", "now_us"),
    mutant("begin", "fence without the clock", "math.max(now_us, old_fence + 1)", "old_fence + 1"),
    mutant("begin", "attempts not counted", "old_attempt + 1", "1"),
    mutant("begin", "own policy not kept", "inherited + tonumber(string.sub(ARGV[5], 1, 1))", "inherited"),
    mutant(
        "begin",
        "begun where there is no record to go on from",
        "if not stored and string.sub(ARGV[5], 2) == '-' then return 'lost' end",
        "",
    ),
    mutant(
        "begin",
        "recovered lost under another name",
        "if its_recovered == '2' and inherited < 2 then",
        "if false then",
    ),
    mutant(
        "begin",
        "recovered counted twice",
        "its_recovered == '2' and inherited < 2 then",
        "its_recovered == '2' then",
    ),
    mutant(
        "begin",
        "the fence of another name forgotten",
        "math.max(old_fence, tonumber(its_fence) or 0)",
        "old_fence",
    ),
    mutant(
        "begin",
        "the attempt of another name forgotten",
        "math.max(old_attempt + 1, tonumber(its_attempt) or 1)",
        "old_attempt + 1",
    ),
    mutant("begin", "expiry forgotten", "record, 'PX', ARGV[4])", "record)"),
    mutant("begin", "lease taken from the TTL", "' ' .. ARGV[3] .. ' '", "' ' .. ARGV[4] .. ' '"),
    mutant("complete", "owner check dropped", "string.sub(header, 3, 56) == string.sub(record, 3, 56)", "true"),
    mutant(
        "complete",
        "fence for an owner",
        "string.sub(header, 3, 56) == string.sub(record, 3, 56)",
        "string.sub(header, 3, 18) == string.sub(record, 3, 18)",
    ),
    mutant("complete", "a released attempt completes", "letter == 80", "(letter == 80 or letter == 82)"),
    mutant("complete", "a failed attempt completes", "letter == 80", "(letter == 80 or letter == 70)"),
    mutant("complete", "expiry forgotten", "record, 'PX', ARGV[2])\n  if string", "record)\n  if string"),
    mutant("complete", "nobody told", "if string.byte(header, 57) % 2 == 1", "if false"),
    mutant("complete", "everybody told", "if string.byte(header, 57) % 2 == 1", "if true"),
    mutant("complete", "owner check dropped in the slow path", "fence .. owner ~= string.sub(record, 3, 34)", "false"),
    mutant(
        "complete",
        "an earlier fence accepted",
        "fence .. owner ~= string.sub(record, 3, 34)",
        "owner ~= string.sub(record, 19, 34)",
    ),
    mutant(
        "complete",
        "another payload refused",
        "fence .. owner ~= string.sub(record, 3, 34)",
        "string.sub(stored, 3, 56) ~= string.sub(record, 3, 56)",
    ),
    mutant("complete", "a failure overwritten", "or state == 'F' then", "then"),
    mutant("complete", "a release overwritten", "or state == 'R' or", "or"),
    mutant("complete", "completed twice", "if state ~= 'C' then", "if true then"),
    mutant("complete", "the vanished owner refused", "or state == 'F' then", "or state == 'F' or state == 'I' then"),
    mutant("complete", "stale for lost", "return 'lost'", "return {'stale', '0'}"),
    mutant("extend", "owner check dropped", "or owner ~= ARGV[1]", ""),
    mutant("extend", "an ended attempt extended", "state ~= 'P' or owner", "owner"),
    mutant("extend", "PEXPIRE forgotten", "redis.call('PEXPIRE', key, string.format('%.0f', ttl_ms))", ""),
    mutant("extend", "the lease for the TTL", "string.format('%.0f', ttl_ms)", "string.format('%.0f', lease_ms)"),
    mutant("fail", "owner check dropped", "if owner ~= ARGV[1] then return {'stale', fence} end", ""),
    mutant("fail", "not idempotent", "if state == ARGV[2] then return 'done' end", ""),
    mutant("fail", "the vanished owner refused", "state ~= 'P' and (state ~= 'I' or ARGV[2] == '-')", "state ~= 'P'"),
    mutant("fail", "an outcome overwritten", "state ~= 'P' and (state ~= 'I' or ARGV[2] == '-')", "state == 'R'"),
    mutant("fail", "what is held left alone", "(state ~= 'I' or ARGV[2] == '-')", "state ~= 'I'"),
    mutant("fail", "what goes on elsewhere stays", "redis.call('PEXPIRE', key, '0')", ""),
    mutant("fail", "what is gone cannot be left", "if not stored and ARGV[2] == '-' then return 'done' end", ""),
    mutant("fail", "recovered lost", "bits % 4 >= 2 and '2' or '0'", "'0'"),
    mutant("fail", "recovered kept by a recorded error", "header .. '0' .. attempt", "header .. flags .. attempt"),
    mutant("fail", "TTL kept by a release", "released, 'PX', ttl)", "released, 'KEEPTTL')"),
    mutant("fail", "the error kept in the record", "key, released, 'PX'", "key, released .. ARGV[3], 'PX'"),
    mutant("fail", "the error kept though nobody waits", "bits % 2 == 1 and ARGV[3] ~= ''", "ARGV[3] ~= ''"),
    mutant("fail", "no error kept for a waiter", "bits % 2 == 1 and ARGV[3] ~= ''", "false"),
    mutant("fail", "no error at all kept", "bits % 2 == 1 and ARGV[3] ~= ''", "bits % 2 == 1"),
    mutant("fail", "the error kept as long as the record", "'PX', told_for_ms)", "'PX', ttl)"),
    mutant("fail", "the error kept longer than the record", "math.min(tonumber(ARGV[4]), ttl_ms)", "tonumber(ARGV[4])"),
    mutant("fail", "the error kept for good", ", 'PX', told_for_ms)", ")"),
    mutant("fail", "the error of nobody", "released .. ARGV[3], 'PX'", "ARGV[3], 'PX'"),
    mutant("fail", "expiry forgotten by a recorded error", "ARGV[3], 'PX', ARGV[4])", "ARGV[3])"),
    mutant("fail", "flags lost when held", "string.format('%.0f', bits - bits % 2)", "'0'"),
    mutant("fail", "waited kept when held", "string.format('%.0f', bits - bits % 2)", "flags"),
    mutant("fail", "nobody told", "if bits % 2 == 1 then redis.pcall('PUBLISH', key, ARGV[2]) end", ""),
    mutant(
        "resolve",
        "not idempotent",
        "if state == 'C' and ARGV[2] == 'C' and owner == ARGV[1] then return 'done' end",
        "",
    ),
    mutant("resolve", "a failure resolved", "if state == 'C' or state == 'F' then", "if state == 'C' then"),
    mutant("resolve", "a rerun repeated", "if state == 'R' and ARGV[2] == 'R' then return 'done' end", ""),
    mutant("resolve", "force ignored", "remaining_ms > 0 and ARGV[5] ~= '1'", "remaining_ms > 0"),
    mutant("resolve", "always forced", "remaining_ms > 0 and ARGV[5] ~= '1'", "false"),
    mutant("resolve", "fence not increased", "tonumber(fence) + 1", "tonumber(fence)"),
    mutant("resolve", "the vanished owner left in", "new_fence .. ARGV[1]", "new_fence .. owner"),
    mutant("resolve", "payload forgotten", "fingerprint .. new_flags", "'----------------------' .. new_flags"),
    mutant("resolve", "recovery not told", "ARGV[2] == 'R' and '2' or '0'", "'0'"),
    mutant("resolve", "expiry forgotten", "ARGV[3], 'PX', ARGV[4])", "ARGV[3])"),
    mutant("resolve", "nobody told", "if bits % 2 == 1 then redis.pcall('PUBLISH', key, ARGV[2]) end", ""),
    mutant("reset", "not idempotent", "if state == 'R' and owner == ARGV[1] then return 'done' end", ""),
    mutant("reset", "force ignored", "remaining_ms > 0 and ARGV[3] ~= '1'", "remaining_ms > 0"),
    mutant("reset", "always forced", "remaining_ms > 0 and ARGV[3] ~= '1'", "false"),
    mutant("reset", "fence not increased", "tonumber(fence) + 1", "tonumber(fence)"),
    mutant(
        "reset",
        "recovery not told",
        "(state == 'P' or state == 'I') and '2' or '0'",
        "state == 'P' and '2' or '0'",
    ),
    mutant("reset", "the attempt forgotten", "new_flags .. attempt", "new_flags .. '1'"),
    mutant("reset", "expiry forgotten", "' ', 'PX', ARGV[2])", "' ')"),
    mutant("reset", "nobody told", "if bits % 2 == 1 then redis.pcall('PUBLISH', key, 'R') end", ""),
];

fn differs(lua: &RefCell<Lua>) -> bool {
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    // Every command is sent twice, because a script that is not idempotent is broken too.
    runner.run(&steps(), |steps| compare(&mut lua.borrow_mut(), &steps, true).map_err(TestCaseError::fail)).is_err()
}

fn mutated(script: &Script, mutant: &Mutant) -> String {
    let found = script.source.matches(mutant.from).count();
    assert_eq!(found, 1, "{}, {}: the edit must fit exactly one place", mutant.script, mutant.what);
    script.source.replace(mutant.from, mutant.to)
}

#[test]
fn every_broken_script_is_noticed() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    for mutant in MUTANTS {
        let script = ALL.iter().find(|script| script.name == mutant.script).unwrap();
        mutated(script, mutant);
    }
    let mut survivors = Vec::new();
    for mutant in MUTANTS {
        let script: &'static Script = ALL.iter().find(|script| script.name == mutant.script).unwrap();
        lua.borrow_mut().restore();
        lua.borrow_mut().replace(script, &mutated(script, mutant));
        if !differs(&lua) {
            survivors.push(format!("{}: {}", mutant.script, mutant.what));
        }
    }
    assert!(survivors.is_empty(), "not noticed by {CASES} sequences: {survivors:#?}");
}

#[test]
fn an_edit_that_changes_nothing_is_not_noticed() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    for script in ALL {
        lua.borrow_mut().replace(script, &format!("{}-- the same\n", script.source));
    }
    assert!(!differs(&lua));
}
