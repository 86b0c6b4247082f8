'use strict';
// Takes long until it listens.
setTimeout(() => require('node:http').createServer().listen(8080), 60000);
console.log('loading');
