'use strict';
// The header of the PROXY protocol, versions 1 and 2, with which a load balancer tells the client's address:
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. Only parses.

const net = require('node:net');

const LINE = 107;  // the longest of version 1, with its end
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED = 16;  // bytes of version 2 before the addresses
const MOST = 4096;  // bytes of version 2 behind them
const CRC32C = 3;  // the type of a TLV

/**
 * Of the first bytes of a connection. Undefined: more must come. Null: this is no header, or a wrong one. Otherwise `length`
 * and `addresses`: { family, source, sourcePort, target, targetPort }, or null where those of the socket are the real ones.
 */
function parse(bytes) {
  const begin = bytes.subarray(0, SIGNATURE.length);
  if (begin.equals(SIGNATURE.subarray(0, begin.length))) return parseBinary(bytes);
  const word = bytes.subarray(0, 6).toString('latin1');
  if (!'PROXY '.startsWith(word)) return null;
  return parseLine(bytes);
}

function parseLine(bytes) {
  const end = bytes.subarray(0, LINE).indexOf('\r\n');
  if (end < 0) return bytes.length < LINE ? undefined : null;
  const [, family, source, target, sourcePort, targetPort, ...more] = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { length, addresses: null };
  const version = { TCP4: 4, TCP6: 6 }[family];
  const isRight = version && net.isIP(source) === version && net.isIP(target) === version && more.length === 0 &&
    isPort(sourcePort) && isPort(targetPort);
  if (!isRight) return null;
  return { length, addresses: { family: `IPv${version}`, source, sourcePort: Number(sourcePort), target, targetPort: Number(targetPort) } };
}

function isPort(text) {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;
}

function parseBinary(bytes) {
  if (bytes.length < FIXED) return undefined;
  const command = bytes[12];
  const length = FIXED + bytes.readUInt16BE(14);
  if ((command !== 0x20 && command !== 0x21) || length > FIXED + MOST) return null;
  if (bytes.length < length) return undefined;
  const header = bytes.subarray(0, length);
  const size = { 0x11: 4, 0x21: 16 }[header[13]];  // TCP over IPv4, over IPv6
  if (command === 0x20 || size === undefined) return hasRightSum(header, FIXED) ? { length, addresses: null } : null;
  const behind = FIXED + 2 * size + 4;
  if (length < behind || !hasRightSum(header, behind)) return null;
  const [source, target] = [FIXED, FIXED + size].map((at) => addressOf(header.subarray(at, at + size)));
  const [sourcePort, targetPort] = [behind - 4, behind - 2].map((at) => header.readUInt16BE(at));
  return { length, addresses: { family: size === 4 ? 'IPv4' : 'IPv6', source, sourcePort, target, targetPort } };
}

function addressOf(bytes) {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new net.SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;  // its shortest form
}

/** The sum of version 2, where there is one. With LOCAL nothing else is looked at. */
function hasRightSum(header, begin) {
  if (header[12] === 0x20) return true;
  for (let at = begin; at + 3 <= header.length; at += 3 + header.readUInt16BE(at + 1)) {
    if (header[at] !== CRC32C) continue;
    if (header.readUInt16BE(at + 1) !== 4 || at + 7 > header.length) return false;
    const zeroed = Buffer.from(header);
    zeroed.fill(0, at + 3, at + 7);
    return crc32c(zeroed) === header.readUInt32BE(at + 3);
  }
  return true;
}

function crc32c(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

module.exports = { parse };
