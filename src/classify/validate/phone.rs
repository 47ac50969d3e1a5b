//! Telephone numbers: calling codes, and how long numbers behind them are.

/// Calling codes with the least and the most digits that follow. Where a country is not here, its code is not
/// given to any.
const CALLING_CODES: &[(u16, u8, u8)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 4, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 10),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 12),
    (51, 8, 9),
    (52, 10, 10),
    (53, 6, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 8, 9),
    (57, 8, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 10),
    (84, 9, 10),
    (86, 10, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
    (211, 9, 9),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 8, 9),
    (220, 7, 7),
    (221, 9, 9),
    (222, 8, 8),
    (223, 8, 8),
    (224, 8, 9),
    (225, 8, 10),
    (226, 8, 8),
    (227, 8, 8),
    (228, 8, 8),
    (229, 8, 10),
    (230, 7, 8),
    (231, 7, 9),
    (232, 8, 8),
    (233, 9, 9),
    (234, 8, 10),
    (235, 8, 8),
    (236, 8, 8),
    (237, 8, 9),
    (238, 7, 7),
    (239, 7, 7),
    (240, 9, 9),
    (241, 7, 8),
    (242, 9, 9),
    (243, 9, 9),
    (244, 9, 9),
    (245, 7, 9),
    (246, 7, 7),
    (247, 4, 6),
    (248, 7, 7),
    (249, 9, 9),
    (250, 9, 9),
    (251, 9, 9),
    (252, 7, 9),
    (253, 8, 8),
    (254, 9, 10),
    (255, 9, 9),
    (256, 9, 9),
    (257, 8, 8),
    (258, 8, 9),
    (260, 9, 9),
    (261, 9, 10),
    (262, 9, 9),
    (263, 8, 10),
    (264, 8, 9),
    (265, 7, 9),
    (266, 8, 8),
    (267, 7, 8),
    (268, 8, 8),
    (269, 7, 7),
    (290, 4, 5),
    (291, 7, 7),
    (297, 7, 7),
    (298, 6, 6),
    (299, 6, 6),
    (350, 8, 8),
    (351, 9, 9),
    (352, 4, 11),
    (353, 7, 9),
    (354, 7, 9),
    (355, 8, 9),
    (356, 8, 8),
    (357, 8, 8),
    (358, 5, 12),
    (359, 7, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (373, 8, 8),
    (374, 8, 8),
    (375, 9, 9),
    (376, 6, 9),
    (377, 8, 9),
    (378, 6, 10),
    (380, 9, 9),
    (381, 8, 9),
    (382, 8, 8),
    (383, 8, 9),
    (385, 8, 9),
    (386, 8, 8),
    (387, 8, 8),
    (389, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (423, 7, 9),
    (500, 5, 5),
    (501, 7, 7),
    (502, 8, 8),
    (503, 8, 8),
    (504, 8, 8),
    (505, 8, 8),
    (506, 8, 8),
    (507, 7, 8),
    (508, 6, 6),
    (509, 8, 8),
    (590, 9, 9),
    (591, 8, 8),
    (592, 7, 7),
    (593, 8, 9),
    (594, 9, 9),
    (595, 9, 9),
    (596, 9, 9),
    (597, 6, 7),
    (598, 8, 8),
    (599, 7, 8),
    (670, 7, 8),
    (672, 6, 6),
    (673, 7, 7),
    (674, 7, 7),
    (675, 7, 8),
    (676, 5, 7),
    (677, 5, 7),
    (678, 5, 7),
    (679, 7, 7),
    (680, 7, 7),
    (681, 6, 6),
    (682, 5, 5),
    (683, 4, 7),
    (685, 5, 7),
    (686, 5, 8),
    (687, 6, 6),
    (688, 5, 6),
    (689, 6, 8),
    (690, 4, 4),
    (691, 7, 7),
    (692, 7, 7),
    (800, 8, 8),
    (850, 6, 10),
    (852, 8, 8),
    (853, 8, 8),
    (855, 8, 9),
    (856, 8, 10),
    (870, 9, 9),
    (880, 8, 10),
    (881, 8, 9),
    (882, 7, 12),
    (883, 7, 12),
    (886, 8, 9),
    (960, 7, 7),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 7, 8),
    (966, 8, 9),
    (967, 7, 9),
    (968, 7, 8),
    (970, 8, 9),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 7, 8),
    (975, 7, 8),
    (976, 7, 8),
    (977, 8, 10),
    (992, 9, 9),
    (993, 8, 8),
    (994, 8, 9),
    (995, 9, 9),
    (996, 9, 9),
    (998, 9, 9),
];

/// The most digits that a number has anywhere.
pub const DIGITS_MAX: usize = 15;

/// Whether digits with a calling code, without its `+`, are as many as a number there has. A zero that people
/// write in brackets between code and number, `+44 (0)20`, may be among them.
pub fn is_international(digits: &[u8]) -> bool {
    (1..=3).any(|length| {
        let Some((code, rest)) = digits.split_at_checked(length) else { return false };
        let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(*digit));
        let Ok(place) = CALLING_CODES.binary_search_by_key(&code, |(code, _, _)| *code) else { return false };
        let Some((_, least, most)) = CALLING_CODES.get(place) else { return false };
        // Italy's zero belongs to the number; elsewhere it is left out from abroad.
        let rest = if code == 39 { rest } else { rest.strip_prefix(&[0]).unwrap_or(rest) };
        let is_known = (usize::from(*least)..=usize::from(*most)).contains(&rest.len());
        is_known && (code != 1 || is_north_american(rest))
    })
}

/// Whether ten digits are an area, an exchange and a line of North America.
pub fn is_north_american(digits: &[u8]) -> bool {
    let digit = |at: usize| digits.get(at).copied().unwrap_or(0);
    digits.len() == 10 && digit(0) >= 2 && digit(3) >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(CALLING_CODES.is_sorted_by(|(one, ..), (other, ..)| one < other));
        assert!(CALLING_CODES.iter().all(|(_, least, most)| least <= most));
    }

    #[test]
    fn numbers_are_as_long_as_their_country_has_them() {
        for phone in
            ["4930123456", "12025550123", "442079460958", "33612345678", "390612345678", "4402079460958"]
        {
            assert!(is_international(&digits(phone)), "{phone}");
        }
        for other in ["", "1", "0000", "10205550123", "2100000000", "331234", "99912345678", "1202555012"] {
            assert!(!is_international(&digits(other)), "{other}");
        }
    }
}
