'use strict';
const express = require('express');

const app = express();
app.use(express.json());
app.get('/', (request, response) => response.send('hello\n'));
app.post('/sum', (request, response) => response.json({ sum: request.body.reduce((one, two) => one + two, 0) }));
app.get('/file', (request, response) => response.sendFile(__filename));
app.get('/fails', () => {
  throw new Error('fails');
});
app.listen(process.env.PORT || 8080);
