// Compares a document with the schema and says, one line each, everything that is wrong with it. What is
// valid is decided by SchemaJudge; this finds the place and the words.
#pragma once

#include "config/document.h"
#include "config/problems.h"

namespace prefork {

void check_against_schema(const Document& document, Problems& problems);

}  // namespace prefork
