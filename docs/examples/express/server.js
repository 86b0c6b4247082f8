// An ordinary Express application: npm install && supervisor -c pool.json
const express = require('express');

const app = express();
app.use(express.json());

app.get('/', (request, response) => response.send(`hello from worker ${process.pid}\n`));

// Blocks the event loop. Other requests go to the other workers meanwhile.
app.get('/slow', (request, response) => {
  const end = Date.now() + 500;
  while (Date.now() < end);
  response.send('done\n');
});

app.listen(process.env.PORT || 8080);
