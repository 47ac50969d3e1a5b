//! Replicas that fail, are slow and come back, by values alone.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> BreakerSettings {
    BreakerSettings { failures_max: 3, pause: SECOND, pause_max: 8 * SECOND }
}

/// Replicas, a clock, and chance that is the same each time.
struct Tried {
    health: Health,
    now: Instant,
    turn: u64,
}

impl Tried {
    fn of(replicas: usize) -> Self {
        let now = Instant::now();
        Self { health: Health::new(replicas, settings(), now), now, turn: 0 }
    }

    fn choose(&mut self) -> usize {
        let turn = &mut self.turn;
        let mut chance = |below: usize| {
            *turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*turn >> 33) as usize % below
        };
        self.health.choose(Kind::Trace, None, self.now, &mut chance).unwrap().unwrap()
    }

    fn settle(&mut self, nth: usize, ended: Ended) {
        self.health.settle(nth, ended, self.now);
    }

    /// So many questions, each over before the next; how many each replica was asked.
    fn questions(&mut self, number: usize, ends: impl Fn(usize) -> Ended) -> Vec<usize> {
        let mut asked = vec![0; self.health.seats.len()];
        for _ in 0..number {
            let nth = self.choose();
            asked[nth] += 1;
            self.settle(nth, ends(nth));
        }
        asked
    }
}

const WELL: Ended = Ended::Answered { ratio: 1.0 };

#[test]
fn replicas_that_are_alike_share_the_questions() {
    let mut tried = Tried::of(3);
    let asked = tried.questions(300, |_| WELL);
    assert!(asked.iter().all(|asked| *asked > 50), "{asked:?}");
}

#[test]
fn of_two_the_one_with_less_to_do_is_asked() {
    let mut tried = Tried::of(2);
    let mut under_way = [0; 2];
    // Nothing ends: each goes where there is less.
    for _ in 0..20 {
        under_way[tried.choose()] += 1;
    }
    assert_eq!(under_way, [10, 10]);
}

#[test]
fn one_that_fails_in_a_row_is_not_asked_until_its_pause_is_over_and_then_one_question_at_a_time() {
    let mut tried = Tried::of(3);
    let bad = |nth| if nth == 1 { Ended::Failed } else { WELL };
    tried.questions(100, bad);
    assert_eq!((tried.health.ejections(), tried.health.out()), (1, 1));
    assert_eq!(tried.questions(100, bad)[1], 0);
    tried.now += SECOND;
    // Its trial is the first question, and as long as it is out there is no other.
    assert_eq!(tried.choose(), 1);
    assert_eq!(tried.questions(50, |_| WELL)[1], 0);
    tried.settle(1, Ended::Failed);
    assert_eq!(tried.health.ejections(), 2);
    tried.now += SECOND;
    assert_eq!(tried.questions(50, bad)[1], 0, "the pause is twice as long");
    tried.now += SECOND;
    for _ in 0..TRIALS {
        assert_eq!(tried.choose(), 1);
        tried.settle(1, WELL);
    }
    assert_eq!(tried.health.out(), 0);
}

#[test]
fn one_that_comes_back_is_asked_ever_more() {
    let mut tried = Tried::of(2);
    tried.questions(20, |nth| if nth == 0 { Ended::Failed } else { WELL });
    tried.now += SECOND;
    for _ in 0..TRIALS {
        let nth = tried.choose();
        assert_eq!(nth, 0);
        tried.settle(nth, WELL);
    }
    let mut shares = Vec::new();
    for _ in 0..3 {
        let mut under_way = [0usize; 2];
        for _ in 0..40 {
            under_way[tried.choose()] += 1;
        }
        shares.push(under_way[0]);
        for (nth, count) in under_way.into_iter().enumerate() {
            (0..count).for_each(|_| tried.settle(nth, WELL));
        }
        tried.now += RAMP / 2;
    }
    assert!(shares[0] < 8 && shares[0] < shares[1] && shares[1] < shares[2], "{shares:?}");
    assert_eq!(shares[2], 20, "like its sibling");
}

#[test]
fn one_far_slower_than_its_siblings_is_ejected_and_one_that_is_somewhat_slower_is_not() {
    for (ratio, is_ejected) in [(3.0, false), (30.0, true)] {
        let mut tried = Tried::of(3);
        tried.questions(60, |_| WELL);
        for _ in 0..200 {
            // Many at once, so that a slow one is asked all the same.
            let chosen: Vec<usize> = (0..6).map(|_| tried.choose()).collect();
            for nth in chosen {
                let ratio = if nth == 2 { ratio } else { 1.0 };
                tried.settle(nth, Ended::Answered { ratio });
            }
        }
        assert_eq!(tried.health.ejections() > 0, is_ejected, "{ratio}");
    }
}

#[test]
fn a_slow_question_or_two_are_no_slow_replica() {
    let mut tried = Tried::of(3);
    for _ in 0..30 {
        tried.questions(20, |_| WELL);
        tried.questions(2, |_| Ended::Answered { ratio: 500.0 });
        tried.now += 3 * FORGET;
    }
    assert_eq!(tried.health.ejections(), 0);
}

#[test]
fn never_are_all_ejected_nor_more_than_half() {
    for replicas in 1..=7 {
        let mut tried = Tried::of(replicas);
        tried.questions(500, |_| Ended::Failed);
        assert_eq!(tried.health.out(), replicas / 2, "of {replicas}");
    }
}

#[test]
fn one_that_answers_no_probe_is_not_tried() {
    let mut tried = Tried::of(2);
    let bad = |nth| if nth == 0 { Ended::Failed } else { WELL };
    tried.questions(50, bad);
    tried.health.probed(0, false);
    tried.now += 100 * SECOND;
    assert_eq!(tried.questions(50, bad)[0], 0);
    tried.health.probed(0, true);
    assert_eq!(tried.choose(), 0);
}

#[test]
fn one_that_wants_rest_is_left_alone_for_that_kind_of_question() {
    let mut tried = Tried::of(2);
    let until = tried.now + SECOND;
    let nth = tried.choose();
    tried.settle(nth, Ended::Rests { kind: Kind::Trace, until });
    assert_eq!(tried.questions(20, |_| WELL)[nth], 0);
    let other = tried.choose();
    tried.settle(other, Ended::Rests { kind: Kind::Trace, until: until + SECOND });
    let now = tried.now;
    let mut first = |_: usize| 0;
    assert_eq!(tried.health.choose(Kind::Trace, None, now, &mut first), Err(AllRest(until)));
    assert!(tried.health.choose(Kind::Search, None, now, &mut first).unwrap().is_some());
    assert_eq!(tried.health.choose(Kind::Trace, None, until, &mut first), Ok(Some(nth)));
}
