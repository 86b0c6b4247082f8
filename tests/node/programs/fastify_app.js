'use strict';
const app = require('fastify')();

app.get('/', async () => 'hello\n');
app.post('/sum', async (request) => ({ sum: request.body.reduce((one, two) => one + two, 0) }));
app.get('/fails', async () => {
  throw new Error('fails');
});
app.addHook('onClose', async () => console.log('closed'));
app.listen({ port: process.env.PORT || 8080, host: '::' });
