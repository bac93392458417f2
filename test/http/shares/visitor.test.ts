import { expect, test } from 'vitest'
import { postJson } from '../../helpers/callers/client.ts'
import { makeFolder } from '../../helpers/storage/ledger-contract/library.ts'
import {
  ANN,
  codeOf,
  cookiesIn,
  FILM,
  KEY,
  makeShare,
  PHOTOS,
  ROME,
  sharesOf,
  startWithLibrary,
} from './share.ts'

const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const JSON_ONLY = { accept: 'application/json' }

async function bytesOf(answer: Response): Promise<Buffer> {
  return Buffer.from(await answer.arrayBuffer())
}

function unlock(address: string, password: string, headers: Record<string, string> = {}) {
  return postJson(`${address}/password`, { password }, headers)
}

async function downloadsOf(url: string): Promise<number | undefined> {
  return (await sharesOf(url))[0]?.downloads
}

test('a program gets the bytes of one shared file, exactly as by /download', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [11] })
  const asked = { range: 'bytes=10-19' }

  const whole = await fetch(url + share.url)
  const part = await fetch(url + share.url, { headers: asked })
  const file = await fetch(`${url}${share.url}/files/11?disposition=attachment`, { headers: asked })
  const direct = await fetch(`${url}/download?messageId=11`, { headers: { ...ANN, ...asked } })

  expect(await bytesOf(whole)).toEqual(FILM)
  for (const answer of [part, file]) {
    expect(answer.status).toBe(206)
    expect(await bytesOf(answer)).toEqual(FILM.subarray(10, 20))
    for (const name of ['etag', 'content-range', 'content-security-policy', 'accept-ranges']) {
      expect(answer.headers.get(name)).toBe(direct.headers.get(name))
    }
    expect(answer.headers.get('x-robots-tag')).toMatch('noindex')
  }
  expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="?film.mp4/)
  const known = { 'if-none-match': direct.headers.get('etag') ?? '' }
  expect((await fetch(url + share.url, { headers: known })).status).toBe(304)
  const head = await fetch(url + share.url, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe(String(FILM.length))
})

test('a program gets the list of several files, and of one where it asks for JSON', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [13, 11], title: 'Both' })
  const one = await makeShare(url, { items: [11], maxDownloads: 3 })

  expect(await (await fetch(url + share.url)).json()).toMatchObject({
    title: 'Both',
    downloadsLeft: null,
    isFolder: false,
    total: { files: 2, bytes: FILM.length + 9 },
    items: [
      { messageId: 13, fileName: 'a.jpg', folder: '/', thumbnail: true },
      { messageId: 11, fileName: 'film.mp4', size: FILM.length, thumbnail: false },
    ],
    folders: [],
    next: null,
  })
  expect(await (await fetch(url + one.url, { headers: JSON_ONLY })).json()).toMatchObject({
    downloadsLeft: 3,
    items: [{ messageId: 11 }],
  })
})

test('a shared folder has what lies in it when it is opened, wherever it is by then', async () => {
  const { url, adapters } = await startWithLibrary()
  const share = await makeShare(url, { folder: '/Photos' })
  const list = async (query = '') => (await fetch(url + share.url + query)).json()

  const rename = { folders: [makeFolder(1, PHOTOS, 'Pictures', { editedAt: Date.now() })] }
  await adapters.ledger.applyToLibrary(KEY, rename)

  expect(await list()).toMatchObject({
    isFolder: true,
    total: { files: 2 },
    items: [{ messageId: 13, folder: '/' }],
    folders: [{ path: '/Rome', name: 'Rome', files: 1 }],
  })
  expect(await list('?folder=/Rome')).toMatchObject({ items: [{ messageId: 14, folder: '/Rome' }] })
  expect(await list('?recursive=true')).toMatchObject({
    items: [{ messageId: 13 }, { messageId: 14 }],
  })
  const [inside, outside, nowhere, thumbnail] = await Promise.all([
    fetch(`${url}${share.url}/files/14`),
    fetch(`${url}${share.url}/files/11`),
    fetch(`${url}${share.url}?folder=/..`),
    fetch(`${url}${share.url}/files/13/thumbnail`),
  ])
  expect(inside.status).toBe(200)
  expect(await codeOf(outside)).toEqual([404, 'MESSAGE_NOT_FOUND'])
  expect(nowhere.status).toBe(400)
  expect(thumbnail.headers.get('content-type')).toBe('image/jpeg')

  await adapters.ledger.applyToLibrary(KEY, { gone: [1, 13] })
  // What was in it shows in the root now, and the root was never shared.
  expect(await list()).toMatchObject({ total: { files: 0 }, items: [], folders: [] })
  expect((await fetch(`${url}${share.url}/files/14`)).status).toBe(404)
})

test('a browser gets a page that may load nothing from elsewhere, and tells apps of the files', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [11, 12], title: 'A <b> & "c"' })

  const page = await fetch(url + share.url, { headers: PAGE })

  expect(page.status).toBe(200)
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': expect.stringMatching(/^default-src 'none'; script-src 'self';/),
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex, nofollow',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    vary: expect.stringContaining('Accept'),
  })
  const html = await page.text()
  expect(html).toContain('<meta property="og:title" content="A &#60;b&#62; &#38; &#34;c&#34;">')
  expect(html).toContain('<meta property="og:description" content="2 files, 2.9 MB">')
  expect(html).not.toContain(share.id)
})

test.each([
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'WhatsApp/2.23.20.0 A',
])(
  'what shows links before they are opened gets the page, not the last download: %s',
  async (name) => {
    const { url } = await startWithLibrary()
    const share = await makeShare(url, { items: [12], maxDownloads: 1 })

    const preview = await fetch(url + share.url, {
      headers: { accept: '*/*', range: 'bytes=0-32768', 'user-agent': name },
    })

    expect([preview.status, preview.headers.get('vary')]).toEqual([200, 'Accept, User-Agent'])
    expect(await preview.text()).toContain('<meta property="og:title" content="notes.txt">')
    expect(await downloadsOf(url)).toBe(0)
  },
)

test('downloads of a visit count once, HEAD, page, list and thumbnails never', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [13, 12], maxDownloads: 2 })
  const address = url + share.url
  const page = await fetch(address, { headers: PAGE })
  const visit = cookiesIn(page)
  expect(page.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      new RegExp(
        `^share_visit=[\\w-]{22}; Path=${share.url}; Max-Age=86400; HttpOnly; SameSite=Lax$`,
      ),
    ),
  ])

  await fetch(address)
  await fetch(`${address}/files/13`, { method: 'HEAD' })
  await fetch(`${address}/files/13/thumbnail`)
  const { headers } = await fetch(`${address}/files/13`, { method: 'HEAD', headers: visit })
  await fetch(`${address}/files/13`, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
  await fetch(`${address}/files/13`, { headers: { range: 'bytes=99-' } })
  expect(await downloadsOf(url)).toBe(0)

  for (const range of ['bytes=0-1', 'bytes=2-', 'bytes=0-']) {
    await bytesOf(await fetch(`${address}/files/13`, { headers: { ...visit, range } }))
  }
  expect(await downloadsOf(url)).toBe(1)
  await bytesOf(await fetch(`${address}/files/12`))
  expect(await downloadsOf(url)).toBe(2)

  // All are had: the visit goes on with its file, and nobody else gets anything.
  expect((await fetch(`${address}/files/13`, { headers: visit })).status).toBe(200)
  expect((await fetch(address, { headers: { ...PAGE, ...visit } })).status).toBe(200)
  expect(await codeOf(await fetch(`${address}/files/12`, { headers: visit }))).toEqual([
    410,
    'SHARE_ENDED',
  ])
  const late = await fetch(address, { headers: PAGE })
  expect([late.status, late.headers.get('content-type')]).toEqual([410, 'text/html; charset=utf-8'])
  expect(await late.text()).toContain('as often as it may be')
  expect((await sharesOf(url))[0]?.state).toBe('used-up')
})

test('of many readers that want the last download at the same time one gets it', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [12], maxDownloads: 1 })

  const answers = await Promise.all(Array.from({ length: 12 }, () => fetch(url + share.url)))

  const statuses = answers.map(({ status }) => status).sort()
  expect(statuses).toEqual([200, ...Array(11).fill(410)])
  expect(await downloadsOf(url)).toBe(1)
})

test('what Telegram does not give out is not counted', async () => {
  const { url, gateway } = await startWithLibrary()
  const share = await makeShare(url, { items: [12], maxDownloads: 1 })
  gateway.beforeRead = async () => {
    throw new Error('Telegram has gone')
  }
  expect((await fetch(url + share.url)).status).toBe(500)

  gateway.beforeRead = async () => {}

  expect((await fetch(url + share.url)).status).toBe(200)
})

test('an address that was never made is 404, one that was forgotten is 410', async () => {
  const { url, adapters } = await startWithLibrary()
  const share = await makeShare(url, { items: [12] })
  await adapters.ledger.forgetShares({ visits: 0, ended: Number.MAX_SAFE_INTEGER })
  const forged = share.id.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))

  expect(await codeOf(await fetch(url + share.url))).toEqual([410, 'SHARE_ENDED'])
  for (const id of [forged, `${share.id}A`, 'nonsense']) {
    expect(await codeOf(await fetch(`${url}/s/${id}`))).toEqual([404, 'SHARE_NOT_FOUND'])
  }
  expect(await codeOf(await unlock(`${url}/s/${forged}`, 'x'))).toEqual([404, 'SHARE_NOT_FOUND'])
})

test('all that is shared comes as one ZIP file, which says nothing of folders around it', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [14, 12], title: 'Two/things', maxDownloads: 1 })
  const folder = await makeShare(url, { folder: '/Photos' })
  const names = async (answer: Response) => {
    const text = (await bytesOf(answer)).toString('latin1')
    const entries = text.split('PK\x01\x02').slice(1)
    return entries.map((entry) => entry.slice(42).split('UT')[0])
  }

  const head = await fetch(`${url}${share.url}/archive`, { method: 'HEAD' })
  const whole = await fetch(`${url}${share.url}/archive`)
  const late = await fetch(`${url}${share.url}/archive`)
  const inside = await fetch(`${url}${folder.url}/archive?folder=/Rome`)

  expect(head.headers.get('content-length')).toBe(whole.headers.get('content-length'))
  expect(whole.headers.get('content-disposition')).toMatch(/^attachment; filename=Two_things.zip/)
  expect(await names(whole)).toEqual(['b.jpg', 'notes.txt'])
  expect(await codeOf(late)).toEqual([410, 'SHARE_ENDED'])
  expect(inside.headers.get('content-disposition')).toMatch('Rome.zip')
  expect(await names(inside)).toEqual(['b.jpg'])
  const outside = await fetch(`${url}${share.url}/archive?folder=/Photos`)
  expect(outside.status).toBe(410)
  expect((await fetch(`${url}${folder.url}/archive?folder=/Nowhere`)).status).toBe(404)
})

test('an archive of a share tells no name of a folder that is not shared', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [14] })

  const archive = await fetch(`${url}${share.url}/archive`)

  expect(archive.headers.get('content-disposition')).toMatch(/filename=telestore-[\d-]{10}\.zip$/)
})

test('an archive of a share goes on with what is still shared alone', async () => {
  const { url, adapters } = await startWithLibrary()
  const share = await makeShare(url, { folder: '/Photos' })
  const goOn = () => fetch(`${url}${share.url}/archive`, { headers: { range: 'bytes=30-' } })
  const whole = await bytesOf(await fetch(`${url}${share.url}/archive`))
  expect(await bytesOf(await goOn())).toEqual(whole.subarray(30))

  // `/Photos/Rome` is moved into the root.
  const moved = makeFolder(2, ROME, 'Rome', { editedAt: Date.now() })
  await adapters.ledger.applyToLibrary(KEY, { folders: [moved] })

  expect(await codeOf(await goOn())).toEqual([404, 'MESSAGE_NOT_FOUND'])
  const now = await bytesOf(await fetch(`${url}${share.url}/archive`))
  expect(now.includes('picture b')).toBe(false)
  expect(await bytesOf(await goOn())).toEqual(now.subarray(30))
})

test('an archive of a share is none that its owner has asked for in the same words', async () => {
  const { url, adapters } = await startWithLibrary()
  const share = await makeShare(url, { folder: '/Photos/Rome' })
  const own = await bytesOf(await fetch(`${url}/archive?folder=/Photos`, { headers: ANN }))
  // The shared folder takes the path of the one that its owner has downloaded.
  await adapters.ledger.applyToLibrary(KEY, {
    folders: [
      makeFolder(1, PHOTOS, 'Private', { editedAt: Date.now() }),
      makeFolder(2, ROME, 'Photos', { editedAt: Date.now() }),
    ],
  })

  const asked = { headers: { range: 'bytes=0-' } }
  const given = await bytesOf(await fetch(`${url}${share.url}/archive`, asked))

  expect(own.includes('picture a')).toBe(true)
  expect([given.includes('picture a'), given.includes('picture b')]).toEqual([false, true])
})

test('an address begins 60 archives of shares a minute, and goes on with them', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [12, 14] })
  const ask = async (headers: Record<string, string> = {}) =>
    (await fetch(`${url}${share.url}/archive`, { method: 'HEAD', headers })).status

  const begun = await Promise.all(Array.from({ length: 61 }, () => ask()))

  expect(begun.filter((status) => status === 429)).toHaveLength(1)
  expect(await ask({ 'if-range': '"x"' })).toBe(200)
})
