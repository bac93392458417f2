import { type HostileRequest, hostile } from '../requests.ts'

/** Against the reading of where a body ends. */

const HOST = 'Host: worker.test'
const POST = 'POST /complete-upload HTTP/1.1'
const TYPE = 'Content-Type: application/json'
const json = '{"uploadId":"nobody"}'
const head = (first: string, ...lines: string[]): string =>
  `${[first, ...lines].join('\r\n')}\r\n\r\n`

export const framingCorpus: HostileRequest[] = [
  hostile(
    'two Content-Lengths that differ',
    head(POST, HOST, TYPE, 'Content-Length: 21', 'Content-Length: 2') + json,
    400,
  ),
  hostile(
    'two Content-Lengths that agree',
    head(POST, HOST, TYPE, 'Content-Length: 21', 'Content-Length: 21') + json,
    400,
  ),
  hostile(
    'a list of Content-Lengths',
    head(POST, HOST, TYPE, 'Content-Length: 21, 21') + json,
    400,
  ),
  hostile('a negative Content-Length', head(POST, HOST, TYPE, 'Content-Length: -1') + json, 400),
  hostile(
    'a Content-Length with a plus',
    head(POST, HOST, TYPE, 'Content-Length: +21') + json,
    400,
  ),
  hostile('a Content-Length in hex', head(POST, HOST, TYPE, 'Content-Length: 0x15') + json, 400),
  hostile(
    'a Content-Length beyond 64 bits',
    head(POST, HOST, TYPE, 'Content-Length: 99999999999999999999') + json,
    400,
  ),
  hostile(
    'a Content-Length of 2^53',
    head(POST, HOST, TYPE, `Content-Length: ${2 ** 53}`) + json,
    'closed',
    400,
    413,
  ),
  hostile('no Content-Length at all', head(POST, HOST, TYPE), 400),
  hostile(
    'TE and CL, chunked first',
    head(POST, HOST, TYPE, 'Transfer-Encoding: chunked', 'Content-Length: 4') +
      '0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n',
    400,
  ),
  hostile(
    'CL and TE, length first',
    `${head(POST, HOST, TYPE, 'Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`,
    400,
  ),
  hostile(
    'TE obfuscated by a tab',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding:\tchunked', 'Content-Length: 3')}0\r\n\r\n`,
    400,
  ),
  hostile(
    'TE obfuscated by a space before the colon',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding : chunked')}0\r\n\r\n`,
    400,
  ),
  hostile(
    'TE that is not chunked at its end',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked, gzip')}0\r\n\r\n`,
    400,
  ),
  hostile(
    'TE twice',
    head(POST, HOST, TYPE, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity') +
      '0\r\n\r\n',
    400,
  ),
  hostile(
    'an unknown TE',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: xchunked')}0\r\n\r\n`,
    400,
  ),
  hostile(
    'TE chunked on HTTP/1.0',
    `${head('POST /complete-upload HTTP/1.0', TYPE, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ),
  hostile(
    'a chunk larger than it says',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}2\r\n${json}\r\n0\r\n\r\n`,
    400,
  ),
  hostile(
    'a chunk smaller than it says',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}ff\r\n${json}\r\n0\r\n\r\n`,
    'closed',
    400,
  ),
  hostile(
    'a chunk size that is no number',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}xyz\r\n${json}\r\n0\r\n\r\n`,
    400,
  ),
  hostile(
    'a chunk size beyond 64 bits',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}fffffffffffffffff\r\n${json}`,
    400,
  ),
  hostile(
    'a negative chunk size',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}-1\r\n${json}`,
    400,
  ),
  hostile(
    'a chunk extension of 100 KB',
    head(POST, HOST, TYPE, 'Transfer-Encoding: chunked') +
      `15;${'x'.repeat(100_000)}\r\n${json}\r\n0\r\n\r\n`,
  ),
  hostile(
    'a trailer that sets a header',
    head(POST, HOST, TYPE, 'Transfer-Encoding: chunked') +
      `15\r\n${json}\r\n0\r\nX-Smuggled: 1\r\nContent-Length: 5\r\n\r\n`,
  ),
  hostile(
    'no last chunk',
    `${head(POST, HOST, TYPE, 'Transfer-Encoding: chunked')}15\r\n${json}\r\n`,
    'closed',
    400,
  ),
]
