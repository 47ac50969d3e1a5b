//! Customers of the shop, made up: what real systems have of real people, in numbers that belong to
//! nobody.

/// What the shop knows of a customer.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: &'static str,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) email: &'static str,
    pub(super) phone: &'static str,
    /// Of the ranges for documentation (RFC 5737, RFC 3849).
    pub(super) address: &'static str,
    pub(super) country: &'static str,
    pub(super) street: &'static str,
    /// A test number: it passes the checksum and pays nothing.
    pub(super) card: &'static str,
    /// A published example, not an account.
    pub(super) iban: &'static str,
    pub(super) birthday: &'static str,
}

impl Person {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// The last four digits, which a receipt may show.
    pub(super) fn card_ending(&self) -> String {
        let digits: Vec<char> = self.card.chars().filter(char::is_ascii_digit).collect();
        digits.iter().rev().take(4).rev().collect()
    }
}

pub(super) static PEOPLE: [Person; 8] = [
    Person {
        id: "u-10482",
        first: "Anna",
        last: "Schneider",
        email: "anna.schneider@example.com",
        phone: "+49 30 23125 118",
        address: "203.0.113.42",
        country: "DE",
        street: "Musterstraße 12, 10115 Berlin",
        card: "4242 4242 4242 4242",
        iban: "DE89370400440532013000",
        birthday: "1986-04-17",
    },
    Person {
        id: "u-20931",
        first: "Luc",
        last: "Moreau",
        email: "luc.moreau@example.org",
        phone: "+33 1 99 00 12 34",
        address: "198.51.100.17",
        country: "FR",
        street: "8 rue de l'Exemple, 69002 Lyon",
        card: "5555555555554444",
        iban: "FR1420041010050500013M02606",
        birthday: "1979-11-02",
    },
    Person {
        id: "u-33417",
        first: "Giulia",
        last: "Ferrari",
        email: "giulia.ferrari@example.net",
        phone: "+39 02 5550 0142",
        address: "203.0.113.201",
        country: "IT",
        street: "Via Esempio 5, 20121 Milano",
        card: "4000000000000002",
        iban: "IT60X0542811101000000123456",
        birthday: "1993-07-29",
    },
    Person {
        id: "u-41120",
        first: "Saoirse",
        last: "O'Brien",
        email: "saoirse.obrien+shop@example.com",
        phone: "+353 20 911 1234",
        address: "2001:db8:85a3::8a2e:370:7334",
        country: "IE",
        street: "3 Sample Quay, Dublin 2",
        card: "4111-1111-1111-1111",
        iban: "IE29AIBK93115212345678",
        birthday: "1990-01-31",
    },
    Person {
        id: "u-52008",
        first: "Jan",
        last: "de Vries",
        email: "jan.devries@example.org",
        phone: "+31 20 555 0173",
        address: "192.0.2.88",
        country: "NL",
        street: "Voorbeeldlaan 21, 1012 Amsterdam",
        card: "378282246310005",
        iban: "NL91ABNA0417164300",
        birthday: "1968-09-12",
    },
    Person {
        id: "u-60775",
        first: "Marta",
        last: "Nowak",
        email: "marta.nowak@example.net",
        phone: "+48 22 555 01 99",
        address: "198.51.100.230",
        country: "PL",
        street: "ul. Przykładowa 7, 00-001 Warszawa",
        card: "2223003122003222",
        iban: "PL61109010140000071219812874",
        birthday: "1999-03-08",
    },
    Person {
        id: "u-71350",
        first: "Emily",
        last: "Carter",
        email: "emily.carter@example.com",
        phone: "+1 212 555 0147",
        address: "192.0.2.10",
        country: "US",
        street: "100 Example Ave, New York, NY 10001",
        card: "6011111111111117",
        iban: "GB29NWBK60161331926819",
        birthday: "1988-12-24",
    },
    Person {
        id: "u-88214",
        first: "Daniel",
        last: "Nguyen",
        email: "d.nguyen@example.org",
        phone: "+1 415 555 0162",
        address: "203.0.113.77",
        country: "US",
        street: "5 Sample Blvd, Oakland, CA 94601",
        card: "4012888888881881",
        iban: "GB33BUKB20201555555555",
        birthday: "1975-06-05",
    },
];
