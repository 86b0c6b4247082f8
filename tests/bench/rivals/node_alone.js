// A Node program that knows nothing of the supervisor, for script/bench: node_alone.js PORT.
'use strict';
require('./node_answer').listen(Number(process.argv[2]));
