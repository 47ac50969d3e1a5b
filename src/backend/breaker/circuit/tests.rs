//! The state machine, with the time passed in; the layer and the probes are tested in `client`.

use super::*;

const PAUSE: Duration = Duration::from_secs(1);

fn circuit() -> (Circuit, Instant) {
    let settings = BreakerSettings { failures_max: 3, pause: PAUSE, pause_max: Duration::from_secs(3) };
    (Circuit::new(settings), Instant::now())
}

/// Puts one question and settles it.
fn one(circuit: &mut Circuit, verdict: Verdict, now: Instant) {
    let generation = circuit.admit(now).expect("the circuit lets it through");
    circuit.settle(generation, verdict, now);
}

const FAILED: Verdict = Verdict::Failed(RegionStatus::Timeout);

fn opened() -> (Circuit, Instant) {
    let (mut circuit, now) = circuit();
    for _ in 0..3 {
        one(&mut circuit, FAILED, now);
    }
    assert_eq!(circuit.shown().as_str(), "open");
    (circuit, now)
}

fn half_open() -> (Circuit, Instant) {
    let (mut circuit, now) = opened();
    circuit.settle_probe(Verdict::Alive, now + PAUSE);
    assert_eq!(circuit.shown().as_str(), "half_open");
    (circuit, now + PAUSE)
}

fn until(circuit: &Circuit) -> Instant {
    match circuit.shown() {
        CircuitState::Open { until, .. } => until,
        other => panic!("not open: {other:?}"),
    }
}

#[test]
fn only_failures_in_a_row_open_it() {
    let (mut circuit, now) = circuit();
    for verdict in [FAILED, FAILED, Verdict::Alive, FAILED, FAILED] {
        one(&mut circuit, verdict, now);
    }
    assert_eq!(circuit.shown(), CircuitState::Closed);
    one(&mut circuit, FAILED, now);
    assert_eq!(circuit.shown().as_str(), "open");
}

#[test]
fn what_says_nothing_neither_opens_it_nor_interrupts_a_row() {
    let (mut circuit, now) = circuit();
    for _ in 0..10 {
        one(&mut circuit, Verdict::Neutral, now);
    }
    for verdict in [FAILED, Verdict::Neutral, FAILED, Verdict::Neutral, FAILED] {
        one(&mut circuit, verdict, now);
    }
    assert_eq!(circuit.shown().as_str(), "open");
}

#[test]
fn a_refusal_says_since_when_and_why() {
    let (mut circuit, now) = opened();
    let fault = circuit.admit(now + Duration::from_secs(7)).unwrap_err();
    assert_eq!(fault.status, RegionStatus::CircuitOpen);
    assert_eq!(fault.detail, "not asked: its circuit opened 7 s ago, the last failure was timeout");
    assert_eq!((fault.attempts, fault.is_retryable), (0, false));
}

#[test]
fn no_question_closes_it_however_long_the_pause_is_over() {
    let (mut circuit, now) = opened();
    assert!(circuit.admit(now + Duration::from_secs(3600)).is_err());
}

#[test]
fn a_probe_that_comes_too_early_changes_nothing() {
    let (mut circuit, now) = opened();
    let before = circuit.shown();
    circuit.settle_probe(Verdict::Alive, now + PAUSE / 2);
    circuit.settle_probe(FAILED, now + PAUSE / 2);
    assert_eq!(circuit.shown(), before);
}

#[test]
fn each_failed_probe_doubles_the_pause_up_to_its_limit() {
    let (mut circuit, now) = opened();
    assert_eq!(until(&circuit), now + PAUSE);
    for seconds in [2, 3, 3] {
        let at = until(&circuit);
        circuit.settle_probe(FAILED, at);
        assert_eq!(until(&circuit), at + Duration::from_secs(seconds));
    }
}

#[test]
fn half_open_lets_one_question_through_at_a_time() {
    let (mut circuit, now) = half_open();
    let trial = circuit.admit(now).unwrap();
    assert_eq!(circuit.admit(now).unwrap_err().status, RegionStatus::CircuitOpen);
    circuit.settle(trial, Verdict::Alive, now);
    assert_eq!(circuit.shown(), CircuitState::Closed);
    assert!(circuit.admit(now).is_ok());
}

#[test]
fn a_failed_trial_opens_it_again_for_twice_as_long_and_keeps_its_beginning() {
    let (mut circuit, now) = half_open();
    one(&mut circuit, Verdict::Failed(RegionStatus::CutOff), now);
    assert_eq!(
        circuit.shown(),
        CircuitState::Open { since: now - PAUSE, until: now + 2 * PAUSE, last: RegionStatus::CutOff }
    );
}

#[test]
fn a_trial_that_says_nothing_makes_room_for_the_next() {
    let (mut circuit, now) = half_open();
    one(&mut circuit, Verdict::Neutral, now);
    assert_eq!(circuit.shown().as_str(), "half_open");
    one(&mut circuit, Verdict::Alive, now);
    assert_eq!(circuit.shown(), CircuitState::Closed);
}

#[test]
fn an_outcome_from_before_a_change_does_not_count_after_it() {
    let (mut circuit, now) = circuit();
    let early = circuit.admit(now).unwrap();
    for _ in 0..3 {
        one(&mut circuit, FAILED, now);
    }
    circuit.settle_probe(Verdict::Alive, now + PAUSE);
    circuit.settle(early, Verdict::Alive, now + PAUSE);
    assert_eq!(circuit.shown().as_str(), "half_open");
    circuit.settle(early, FAILED, now + PAUSE);
    assert_eq!(circuit.shown().as_str(), "half_open");
}

#[test]
fn failed_probes_open_it_before_anyone_asks() {
    let (mut circuit, now) = circuit();
    for verdict in [FAILED, FAILED, Verdict::Alive, FAILED, FAILED] {
        circuit.settle_probe(verdict, now);
        assert_eq!(circuit.shown(), CircuitState::Closed);
    }
    circuit.settle_probe(FAILED, now);
    assert_eq!(circuit.shown().as_str(), "open");
}

#[test]
fn a_region_that_answers_probes_and_no_questions_is_closed_off() {
    let (mut circuit, now) = circuit();
    for _ in 0..3 {
        circuit.settle_probe(Verdict::Alive, now);
        one(&mut circuit, FAILED, now);
    }
    assert_eq!(circuit.shown().as_str(), "open");
}

#[test]
fn every_status_has_one_verdict() {
    use RegionStatus as S;
    for status in RegionStatus::ALL {
        let expected = match status {
            S::Timeout | S::Unreachable | S::Error | S::CutOff | S::Malformed => Verdict::Failed(status),
            S::Overloaded | S::Limited | S::CircuitOpen | S::Withheld | S::Pending => Verdict::Neutral,
            _ => Verdict::Alive,
        };
        assert_eq!(verdict::<()>(&Err(Fault::new(status, ""))), expected, "{status:?}");
    }
    let in_line = fault::not_asked(S::Timeout, "");
    assert_eq!(verdict::<()>(&Err(in_line)), Verdict::Neutral);
}
