//! What Tempo's streaming API is asked: the five request messages of `tempopb.StreamingQuerier`, read as they
//! stand, and written where a region is asked. Field numbers are of Tempo's public `tempo.proto`; what only Tempo's own parts say to each other is
//! passed over. What a value means, and whether it is allowed, is decided where parameters are.

use super::protobuf::{Field, Reader, WireError, put_bytes_field, put_message, put_varint_field};

/// `SearchRequest`. Times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchRequest {
    /// In the order sent; of a name sent twice the last counts.
    pub tags: Vec<(String, String)>,
    pub min_duration_ms: u32,
    pub max_duration_ms: u32,
    pub limit: u32,
    pub start: u32,
    pub end: u32,
    pub query: String,
    pub spans_per_span_set: u32,
}

/// `SearchTagsRequest`. Times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagsRequest {
    pub scope: String,
    pub query: String,
    pub start: u32,
    pub end: u32,
    pub max_tags_per_scope: u32,
    pub stale_values_threshold: u32,
}

/// `SearchTagValuesRequest`. Times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagValuesRequest {
    pub tag_name: String,
    pub query: String,
    pub start: u32,
    pub end: u32,
    pub max_tag_values: u32,
    pub stale_value_threshold: u32,
}

/// `QueryRangeRequest`. Times and the step are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryRangeRequest {
    pub query: String,
    pub start: u64,
    pub end: u64,
    pub step: u64,
    pub exemplars: u32,
    pub max_series: u32,
    pub instant: bool,
}

/// `QueryInstantRequest`. Times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MomentRequest {
    pub query: String,
    pub start: u64,
    pub end: u64,
}

impl SearchRequest {
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        filled(bytes, |request: &mut Self, field| {
            match field.number {
                1 => request.tags.push(pair(field)?),
                2 => request.min_duration_ms = number(field)?,
                3 => request.max_duration_ms = number(field)?,
                4 => request.limit = number(field)?,
                5 => request.start = number(field)?,
                6 => request.end = number(field)?,
                8 => request.query = text(field)?,
                9 => request.spans_per_span_set = number(field)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl SearchRequest {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.tags {
            put_message(&mut out, 1, |entry| {
                put_bytes_field(entry, 1, name.as_bytes());
                put_bytes_field(entry, 2, value.as_bytes());
            });
        }
        let numbers = [
            (2, self.min_duration_ms),
            (3, self.max_duration_ms),
            (4, self.limit),
            (5, self.start),
            (6, self.end),
            (9, self.spans_per_span_set),
        ];
        put(&mut out, &[(8, &self.query)], &numbers);
        out
    }
}

impl TagsRequest {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers =
            [(3, self.start), (4, self.end), (5, self.max_tags_per_scope), (6, self.stale_values_threshold)];
        put(&mut out, &[(1, &self.scope), (2, &self.query)], &numbers);
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        filled(bytes, |request: &mut Self, field| {
            match field.number {
                1 => request.scope = text(field)?,
                2 => request.query = text(field)?,
                3 => request.start = number(field)?,
                4 => request.end = number(field)?,
                5 => request.max_tags_per_scope = number(field)?,
                6 => request.stale_values_threshold = number(field)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl TagValuesRequest {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers =
            [(4, self.start), (5, self.end), (6, self.max_tag_values), (7, self.stale_value_threshold)];
        put(&mut out, &[(1, &self.tag_name), (2, &self.query)], &numbers);
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        filled(bytes, |request: &mut Self, field| {
            match field.number {
                1 => request.tag_name = text(field)?,
                2 => request.query = text(field)?,
                4 => request.start = number(field)?,
                5 => request.end = number(field)?,
                6 => request.max_tag_values = number(field)?,
                7 => request.stale_value_threshold = number(field)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl QueryRangeRequest {
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        filled(bytes, |request: &mut Self, field| {
            match field.number {
                1 => request.query = text(field)?,
                2 => request.start = field.varint()?,
                3 => request.end = field.varint()?,
                4 => request.step = field.varint()?,
                16 => request.exemplars = number(field)?,
                17 => request.max_series = number(field)?,
                18 => request.instant = field.varint()? != 0,
                _ => {}
            }
            Ok(())
        })
    }
}

impl MomentRequest {
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        filled(bytes, |request: &mut Self, field| {
            match field.number {
                1 => request.query = text(field)?,
                2 => request.start = field.varint()?,
                3 => request.end = field.varint()?,
                _ => {}
            }
            Ok(())
        })
    }
}

/// `HealthCheckRequest` of gRPC's own health service: whose health, or everyone's where it is empty.
pub fn health_of(bytes: &[u8]) -> Result<String, WireError> {
    let mut service = String::new();
    each(bytes, |field| {
        if field.number == 1 {
            service = text(field)?;
        }
        Ok(())
    })?;
    Ok(service)
}

/// What is empty or 0 is left out.
fn put(out: &mut Vec<u8>, texts: &[(u32, &str)], numbers: &[(u32, u32)]) {
    for (number, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        put_bytes_field(out, *number, text.as_bytes());
    }
    for (number, value) in numbers.iter().filter(|(_, value)| *value != 0) {
        put_varint_field(out, *number, u64::from(*value));
    }
}

/// A message field by field; what is not there is as if it were 0 or empty.
fn filled<R: Default>(
    bytes: &[u8],
    mut take: impl FnMut(&mut R, &Field<'_>) -> Result<(), WireError>,
) -> Result<R, WireError> {
    let mut request = R::default();
    each(bytes, |field| take(&mut request, field))?;
    Ok(request)
}

fn each(bytes: &[u8], mut take: impl FnMut(&Field<'_>) -> Result<(), WireError>) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        take(&field)?;
    }
    Ok(())
}

/// What is no UTF-8 is shown as it would be in an answer.
fn text(field: &Field<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(field.bytes()?).into_owned())
}

/// Cut to 32 bits, as every decoder does.
fn number(field: &Field<'_>) -> Result<u32, WireError> {
    Ok(field.varint()? as u32)
}

/// An entry of a map.
fn pair(field: &Field<'_>) -> Result<(String, String), WireError> {
    let (mut key, mut value) = (String::new(), String::new());
    each(field.bytes()?, |field| {
        match field.number {
            1 => key = text(field)?,
            2 => value = text(field)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_with_what_it_does_not_know_passed_over() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 1, |entry| {
            put_bytes_field(entry, 1, b"service.name");
            put_bytes_field(entry, 2, b"shop");
        });
        for (number, value) in [(2, 10), (3, 20), (4, 30), (5, 40), (6, 50), (9, 60), (77, 70)] {
            put_varint_field(&mut bytes, number, value);
        }
        put_bytes_field(&mut bytes, 8, b"{ }");
        put_bytes_field(&mut bytes, 10, b"a time");
        let expected = SearchRequest {
            tags: vec![("service.name".to_owned(), "shop".to_owned())],
            min_duration_ms: 10,
            max_duration_ms: 20,
            limit: 30,
            start: 40,
            end: 50,
            query: "{ }".to_owned(),
            spans_per_span_set: 60,
        };
        assert_eq!(SearchRequest::read(&bytes).as_ref(), Ok(&expected));
        assert_eq!(SearchRequest::read(&expected.write()), Ok(expected));
        assert_eq!(SearchRequest::read(&[]), Ok(SearchRequest::default()));
    }

    #[test]
    fn what_is_asked_of_tags_is_read_as_it_is_written() {
        let names = TagsRequest {
            scope: "span".to_owned(),
            query: "{ }".to_owned(),
            start: 1,
            end: 2,
            max_tags_per_scope: 3,
            stale_values_threshold: 4,
        };
        assert_eq!(TagsRequest::read(&names.write()), Ok(names));
        let values = TagValuesRequest {
            tag_name: "span.a".to_owned(),
            query: String::new(),
            start: 1,
            end: 2,
            max_tag_values: 3,
            stale_value_threshold: 4,
        };
        assert_eq!(TagValuesRequest::read(&values.write()), Ok(values));
        assert!(TagsRequest::default().write().is_empty());
    }

    #[test]
    fn a_range_has_its_times_in_64_bits() {
        let mut bytes = Vec::new();
        put_bytes_field(&mut bytes, 1, b"{} | rate()");
        for (number, value) in [(2, u64::MAX), (3, 1 << 40), (4, 1 << 33), (16, 5), (17, 6), (18, 1)] {
            put_varint_field(&mut bytes, number, value);
        }
        let expected = QueryRangeRequest {
            query: "{} | rate()".to_owned(),
            start: u64::MAX,
            end: 1 << 40,
            step: 1 << 33,
            exemplars: 5,
            max_series: 6,
            instant: true,
        };
        assert_eq!(QueryRangeRequest::read(&bytes), Ok(expected));
    }

    #[test]
    fn what_is_no_such_message_is_refused() {
        let mut wrong = Vec::new();
        put_varint_field(&mut wrong, 1, 5);
        assert_eq!(TagsRequest::read(&wrong), Err(WireError::WrongType));
        assert_eq!(TagValuesRequest::read(&[0x0a, 9, 1]), Err(WireError::CutOff));
        assert_eq!(MomentRequest::read(&wrong), Err(WireError::WrongType));
        assert_eq!(health_of(&wrong), Err(WireError::WrongType));
    }
}
