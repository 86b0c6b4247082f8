// Compares a document with the schema and reports every mistake in one line. SchemaJudge decides what is
// valid; this file finds the place and the words.
#pragma once

#include "config/document.h"
#include "config/problems.h"

namespace prefork {

void check_against_schema(const Document& document, Problems& problems);

}  // namespace prefork
