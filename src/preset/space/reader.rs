//! Reading a space file: tables whose keys are known, values with their lines.

use super::super::error::{PresetError, nearest};
use super::super::kind::{Kind, Value, found};
use super::keys::{Form, Part, SpaceKey};
use crate::graph::Operation;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A file and its text, to tell where something stands.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The file as messages show it.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A value with its line.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The value.
    pub value: &'a DeValue<'a>,
    /// Its line, from 1.
    pub line: usize,
}

/// A table of one part of the file, with entries in the order of the file.
#[derive(Debug)]
pub struct Table<'a> {
    reader: Reader<'a>,
    part: Part,
    /// Its line.
    pub line: usize,
    entries: Vec<(&'a str, Item<'a>)>,
}

impl<'a> Reader<'a> {
    /// The line of a byte, from 1.
    #[must_use]
    pub fn line(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
    }

    /// The place of a line as messages begin.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }

    /// An error that belongs to no one key.
    #[must_use]
    pub fn fault(&self, line: usize, fault: impl Into<String>) -> PresetError {
        PresetError::Space { place: self.place(line), fault: fault.into() }
    }

    /// A value of a file with its line.
    #[must_use]
    pub fn item(&self, value: &'a Spanned<DeValue<'a>>) -> Item<'a> {
        Item { value: value.get_ref(), line: self.line(value.span().start) }
    }

    /// The entries of any table, in the order of the file, each at the line of its name.
    #[must_use]
    pub fn entries(&self, table: &'a DeTable<'a>) -> Vec<(&'a str, Item<'a>)> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entry = |name: &'a Spanned<_>, value: &'a Spanned<DeValue<'a>>| {
            let name: (&'a std::borrow::Cow<'a, str>, usize) = (name.get_ref(), self.line(name.span().start));
            (name.0.as_ref(), Item { value: value.get_ref(), line: name.1 })
        };
        entries.into_iter().map(|(name, value)| entry(name, value)).collect()
    }

    /// A table of a part; a key that the part does not have is an error.
    ///
    /// # Errors
    /// [`PresetError::UnknownKey`] with the nearest key.
    pub fn table(self, part: Part, line: usize, table: &'a DeTable<'a>) -> Result<Table<'a>, PresetError> {
        let entries = self.entries(table);
        for (name, item) in &entries {
            if part.keys().all(|key| key.name != *name) {
                let names = || part.keys().map(|key| key.name);
                let remedy = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                };
                let key = format!("{}{}", part.prefix(), name.escape_debug());
                return Err(PresetError::UnknownKey { place: self.place(item.line), key, remedy });
            }
        }
        Ok(Table { reader: self, part, line, entries })
    }

    /// The error of a value that is not what its key wants.
    #[must_use]
    pub fn wrong(&self, key: &SpaceKey, part: Part, item: Item<'_>) -> PresetError {
        PresetError::Value {
            place: self.place(item.line),
            key: format!("{}{}", part.prefix(), key.name),
            found: found(&plain(item.value)),
            must: key.must(),
            example: key.example.to_owned(),
        }
    }

    /// One operation by its word.
    ///
    /// # Errors
    /// An unknown word, with the nearest operation.
    pub fn operation(&self, item: Item<'_>) -> Result<Operation, PresetError> {
        let DeValue::String(word) = item.value else {
            return Err(self
                .fault(item.line, format!("an operation is a word in quotes, such as \"conv3\", and not {}", found(&plain(item.value)))));
        };
        let known = || Operation::of_own_spaces().map(Operation::key);
        Operation::of_own_spaces().find(|operation| operation.key() == word).ok_or_else(|| {
            let near = nearest(word, known()).map_or_else(|| "there".to_owned(), |near| format!("did you mean `{near}`? There"));
            let all = known().collect::<Vec<_>>().join(", ");
            let word: String = word.chars().take(40).collect();
            self.fault(item.line, format!("there is no operation `{}`; {near} are {all}", word.escape_debug()))
        })
    }

    /// One operation or a list of different ones.
    ///
    /// # Errors
    /// Unknown operations, the same one twice, none at all, or something else.
    pub fn operations(&self, item: Item<'a>) -> Result<Vec<Operation>, PresetError> {
        let DeValue::Array(list) = item.value else { return Ok(vec![self.operation(item)?]) };
        let mut operations = Vec::new();
        for item in self.items(list) {
            let operation = self.operation(item)?;
            if operations.contains(&operation) {
                return Err(self.fault(item.line, format!("`{}` is listed twice; name each operation once", operation.key())));
            }
            operations.push(operation);
        }
        if operations.is_empty() {
            return Err(self.fault(item.line, "this list of operations is empty; name at least one, such as [\"conv3\"]"));
        }
        Ok(operations)
    }

    /// The items of a list.
    pub fn items(self, list: &'a DeArray<'a>) -> impl Iterator<Item = Item<'a>> {
        list.iter().map(move |value| self.item(value))
    }
}

impl<'a> Table<'a> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Item<'a>> {
        self.entries.iter().find(|(known, _)| *known == name).map(|(_, item)| *item)
    }

    /// The error of a key's value.
    #[must_use]
    pub fn wrong(&self, name: &str, item: Item<'_>) -> PresetError {
        let key = self.part.keys().find(|key| key.name == name);
        key.map_or_else(|| self.reader.fault(item.line, format!("`{name}` is wrong")), |key| self.reader.wrong(key, self.part, item))
    }

    fn plain(&self, name: &str) -> Result<Option<Value>, PresetError> {
        let Some(item) = self.get(name) else { return Ok(None) };
        let value = self.part.keys().find(|key| key.name == name).and_then(|key| match &key.form {
            Form::Plain(kind) => Kind::check(kind, &plain(item.value)),
            _ => None,
        });
        value.map(Some).ok_or_else(|| self.wrong(name, item))
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`PresetError::Value`].
    pub fn whole(&self, name: &str) -> Result<Option<usize>, PresetError> {
        Ok(self.plain(name)?.and_then(|value| if let Value::Whole(number) = value { Some(number) } else { None }))
    }

    /// true or false.
    ///
    /// # Errors
    /// [`PresetError::Value`].
    pub fn flag(&self, name: &str) -> Result<Option<bool>, PresetError> {
        Ok(self.plain(name)?.and_then(|value| if let Value::Flag(flag) = value { Some(flag) } else { None }))
    }

    /// A text or a word.
    ///
    /// # Errors
    /// [`PresetError::Value`].
    pub fn text(&self, name: &str) -> Result<Option<String>, PresetError> {
        Ok(self.plain(name)?.and_then(|value| if let Value::Text(text) = value { Some(text) } else { None }))
    }

    /// Operations.
    ///
    /// # Errors
    /// As [`Reader::operations`].
    pub fn operations(&self, name: &str) -> Result<Option<Vec<Operation>>, PresetError> {
        self.get(name).map(|item| self.reader.operations(item)).transpose()
    }

    /// A name or a list of names, each with its line.
    ///
    /// # Errors
    /// [`PresetError::Value`]; also where there is none.
    pub fn names(&self, name: &str) -> Result<Option<Vec<(&'a str, usize)>>, PresetError> {
        let Some(item) = self.get(name) else { return Ok(None) };
        let list = match item.value {
            DeValue::Array(list) => self.reader.items(list).collect(),
            _ => vec![item],
        };
        let text = |item: Item<'a>| if let DeValue::String(text) = item.value { Some((text.as_ref(), item.line)) } else { None };
        let names: Option<Vec<(&str, usize)>> = list.into_iter().map(text).collect();
        names.filter(|names| !names.is_empty()).map(Some).ok_or_else(|| self.wrong(name, item))
    }
}

/// A value without its places.
pub fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        // What does not fit 64 bits is no whole number that any key wants.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)), toml::Value::Integer),
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(moment) => toml::Value::Datetime(*moment),
        DeValue::Array(list) => toml::Value::Array(list.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => {
            toml::Value::Table(table.iter().map(|(name, item)| (name.get_ref().to_string(), plain(item.get_ref()))).collect())
        }
    }
}
