import {
  get,
  type HostileRequest,
  hostile,
  OPEN_UPLOAD,
  post,
  postJson,
  toBytes,
} from '../requests.ts'

/** Against the reading of HTTP itself. */

const json = '{"uploadId":"nobody"}'
const head = (first: string, ...lines: string[]): string =>
  `${[first, ...lines].join('\r\n')}\r\n\r\n`
const HOST = 'Host: worker.test'

const methods = [
  'TRACE',
  'PUT',
  'PATCH',
  'PROPFIND',
  'OPTIONS',
  'DELETE',
  'LOCK',
  'M-SEARCH',
  'QUERY',
]

export const protocolCorpus: HostileRequest[] = [
  ...methods.map((method) =>
    hostile(`${method} where only POST is`, { ...get('/upload-chunk'), method }),
  ),
  hostile('CONNECT to another host', head('CONNECT evil.test:443 HTTP/1.1', HOST)),
  hostile('CONNECT to a path', head('CONNECT /upload HTTP/1.1', HOST), 400, 'closed'),
  hostile('an unknown method', head('FUZZ / HTTP/1.1', HOST), 400),
  hostile('a method in small letters', head('get / HTTP/1.1', HOST), 400),
  hostile('HTTP/1.0 without Host', head('GET /health HTTP/1.0'), 200),
  hostile('HTTP/1.0 with keep-alive', head('GET /health HTTP/1.0', 'Connection: keep-alive'), 200),
  hostile('HTTP/0.9', 'GET /health\r\n\r\n', 400),
  hostile('HTTP/1.2', head('GET /health HTTP/1.2', HOST)),
  hostile('HTTP/9.9', head('GET /health HTTP/9.9', HOST), 400),
  hostile('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400),
  hostile('a TLS hello', Buffer.from('16030100a5010000a10303', 'hex'), 400),
  hostile('no Host', head('GET /health HTTP/1.1'), 400),
  hostile('two Hosts', head('GET /health HTTP/1.1', HOST, 'Host: evil.test'), 400),
  hostile('an empty Host', head('GET /health HTTP/1.1', 'Host:')),
  hostile('a Host with a path in it', head('GET /health HTTP/1.1', 'Host: a/../b')),
  hostile('obs-fold', head('GET /health HTTP/1.1', HOST, 'X-Long: a', ' folded: b'), 400, 200),
  hostile('a space before the first header', head('GET /health HTTP/1.1', ' X: 1', HOST), 400),
  hostile('a bare CR in a header', head('GET /health HTTP/1.1', HOST, 'X: a\rX-Smuggled: 1'), 400),
  hostile('a bare LF in a header', head('GET /health HTTP/1.1', HOST, 'X: a\nX-Smuggled: 1')),
  hostile('a NUL in a header', head('GET /health HTTP/1.1', HOST, 'X: a\0b'), 400),
  hostile('a header without a name', head('GET /health HTTP/1.1', HOST, ': nothing'), 400),
  hostile('a header without a colon', head('GET /health HTTP/1.1', HOST, 'nothing'), 400),
  hostile('a header name with a space', head('GET /health HTTP/1.1', HOST, 'a b: c'), 400),
  hostile(
    'a header of 100 KB',
    head('GET /health HTTP/1.1', HOST, `X: ${'x'.repeat(100_000)}`),
    431,
  ),
  hostile(
    '3,000 headers',
    head('GET /health HTTP/1.1', HOST, ...Array.from({ length: 3000 }, (_, n) => `a${n}: 1`)),
    431,
  ),
  hostile(
    '1,000 headers of one name',
    head('GET /health HTTP/1.1', HOST, ...Array.from({ length: 1000 }, () => 'a: 1')),
  ),
  hostile(
    'a header named __proto__',
    head('GET /health HTTP/1.1', HOST, '__proto__: x', 'constructor: y'),
    200,
  ),
  hostile('bytes above 127 in a header', head('GET /health HTTP/1.1', HOST, 'X: \x80\xff\xfe')),
  hostile(
    'Expect: 100-continue',
    toBytes(postJson('/complete-upload', json, [['Expect', '100-continue']])),
    404,
  ),
  hostile(
    'an unknown expectation',
    toBytes(postJson('/complete-upload', json, [['Expect', 'miracles']])),
    404,
  ),
  hostile(
    'an upgrade to h2c',
    head(
      'GET /health HTTP/1.1',
      HOST,
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ),
  ),
  hostile(
    'an upgrade to a socket with a bad key',
    head(
      'GET /ws/ann HTTP/1.1',
      HOST,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: x',
      'Sec-WebSocket-Version: 99',
    ),
  ),
  hostile(
    'a socket without a version',
    head(`GET /ws/${'a'.repeat(5000)} HTTP/1.1`, HOST, 'Connection: Upgrade', 'Upgrade: websocket'),
  ),
  hostile(
    'a forged proxy',
    toBytes(
      get('/health', [
        ['X-Forwarded-For', '::1, "><script>'],
        ['X-Forwarded-Host', 'evil.test'],
        ['Forwarded', 'for=_x'],
      ]),
    ),
    200,
  ),
  hostile(
    'an override of the method',
    toBytes(get(`/upload-status/${OPEN_UPLOAD}`, [['X-HTTP-Method-Override', 'DELETE']])),
    200,
  ),
  hostile(
    'a request within the body of a GET',
    toBytes({
      ...post('/health', 'text/plain', head('DELETE /tickets HTTP/1.1', HOST)),
      method: 'GET',
    }),
  ),
  hostile('a body on HEAD', toBytes({ ...postJson('/health', json), method: 'HEAD' })),
  hostile('16 requests in one packet', toBytes(get('/healthz')).toString('latin1').repeat(16), 200),
  hostile(
    '200 requests in one packet',
    toBytes(get('/healthz')).toString('latin1').repeat(200),
    'closed',
  ),
  hostile(
    'garbage after a request',
    Buffer.concat([toBytes(get('/healthz')), Buffer.alloc(3000, 0xff)]),
  ),
  hostile('nothing but line ends', '\r\n'.repeat(5000)),
  hostile('nothing but NULs', Buffer.alloc(5000), 400),
  hostile('nothing', ''),
  ...['deflate', 'gzip', 'br', 'x'.repeat(500)].map((coding) =>
    hostile(
      `a body that says it is ${coding.slice(0, 9)}`,
      postJson('/complete-upload', Buffer.from('1f8b08000000', 'hex').toString('latin1'), [
        ['Content-Encoding', coding],
      ]),
      400,
      415,
    ),
  ),
]
