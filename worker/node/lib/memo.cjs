'use strict';
// What a parked connection keeps, in at most 224 bytes: one for the length of the addresses of its PROXY header, these as
// text, at most 99 bytes, and the program's own memo, at most 120.

function pack(addresses, own) {
  if (addresses === null && own === null) return null;
  const text = addresses === null ? Buffer.alloc(0) : Buffer.from(Object.values(addresses).join(' '));
  return Buffer.concat([Buffer.from([text.length]), text, own ?? Buffer.alloc(0)]);
}

function unpack(bytes) {
  const end = 1 + bytes[0];
  const own = bytes.length > end ? bytes.subarray(end) : null;
  if (end === 1) return { addresses: null, own };
  const [family, source, sourcePort, target, targetPort] = bytes.toString('latin1', 1, end).split(' ');
  return { addresses: { family, source, sourcePort: Number(sourcePort), target, targetPort: Number(targetPort) }, own };
}

module.exports = { pack, unpack };
