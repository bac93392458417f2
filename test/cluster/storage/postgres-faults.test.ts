import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { MaintainedLedger } from '../../../src/core/ports/ledger.ts'
import { openDatabase } from '../../../src/storage/postgres/database.ts'
import { isUnknownTransaction } from '../../../src/storage/postgres/errors.ts'
import { SCHEMA_VERSION } from '../../../src/storage/postgres/schema.ts'
import { startCuttingProxy } from '../../helpers/cluster/cutting-proxy.ts'
import { openTestLedger } from '../../helpers/cluster/postgres-ledger.ts'
import {
  type PostgresServer,
  serverUser,
  startPostgres,
  withClient,
} from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { CHUNK, NOW } from '../../helpers/storage/ledger-contract/fixtures.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { makeUpload } from '../../helpers/upload.ts'

const missing = missingPrograms('postgres')
const { id } = makeUpload()
const CHANGE = { chunkSize: 1000, token: 'newer', now: NOW }

describe.skipIf(missing !== '')(`a ledger in PostgreSQL${missing}`, () => {
  let server: PostgresServer
  let databases = 0

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  async function makeDatabase(): Promise<string> {
    const database = `ledger-${++databases}`
    await server.createDatabase(database)
    return database
  }

  /** A ledger whose connections a test can break. */
  async function makeBreakable(options: { patienceMs?: number; maxConnections?: number } = {}) {
    const database = await makeDatabase()
    const proxy = await startCuttingProxy(server.port)
    const url = server.urlOf(database)
    const ledger = await openTestLedger(server, {
      database,
      url: url.replace(`:${server.port}/`, `:${proxy.port}/`),
      ...options,
    })
    return { ledger, proxy, url, other: await openDirectly(url) }
  }

  async function openDirectly(url: string) {
    const database = openDatabase({ url, log: createRecordingLog() })
    return database
  }

  test('a chunk takes two statements', async () => {
    const statements: string[] = []
    const ledger = await openTestLedger(server, {
      database: await makeDatabase(),
      onStatement: (sql) => statements.push(sql),
    })
    await insertUpload(ledger, makeUpload(), 'token')
    statements.length = 0

    await ledger.findChunk(id, 0)
    await ledger.acceptChunk(id, CHUNK, CHANGE)

    expect(statements).toHaveLength(2)
  })

  test('nodes that start at once make the schema once, and all of them work', async () => {
    const database = await makeDatabase()
    const key = randomBytes(32)

    const nodes = await Promise.all(
      Array.from({ length: 6 }, () => openTestLedger(server, { database, key })),
    )

    await nodes[0]?.saveSecret('name', Buffer.from('value'))
    for (const node of nodes) expect(await node.secret('name')).toEqual(Buffer.from('value'))
    await withClient(server.urlOf(database), async (client) => {
      const { rows } = await client.query('SELECT version FROM ledger_version')
      expect(rows).toEqual([{ version: SCHEMA_VERSION }])
    })
  })

  test('a node with another key, or too old for the schema, does not start', async () => {
    const database = await makeDatabase()
    const key = randomBytes(32)
    await openTestLedger(server, { database, key })

    await expect(openTestLedger(server, { database })).rejects.toMatchObject({
      name: 'StartUpError',
      message: expect.stringContaining('LEDGER_KEY'),
    })

    await withClient(server.urlOf(database), (client) =>
      client.query('UPDATE ledger_version SET version = version + 5, least = version + 5'),
    )
    await expect(openTestLedger(server, { database, key })).rejects.toMatchObject({
      name: 'StartUpError',
      message: expect.stringContaining('later version'),
    })
  })

  test('a node of the version before works beside a newer schema that still lets it', async () => {
    const database = await makeDatabase()
    const key = randomBytes(32)
    await openTestLedger(server, { database, key })
    await withClient(server.urlOf(database), (client) =>
      client.query('UPDATE ledger_version SET version = version + 1'),
    )

    const ledger = await openTestLedger(server, { database, key })

    expect(await ledger.findUpload('none')).toBeNull()
  })

  test('tokens, secrets and keys are not in the database as they are', async () => {
    const database = await makeDatabase()
    const ledger = await openTestLedger(server, { database })
    await insertUpload(ledger, makeUpload(), 'a-very-own-token')
    await ledger.saveSecret('bot', Buffer.from('a-very-own-token'))
    const kept = { tokenId: 't', token: 'a-very-own-token', expiresAt: NOW + 10 }
    await ledger.issueTicket('ann', kept, NOW)

    const dump = execFileSync('pg_dump', ['--inserts', server.urlOf(database)], {
      encoding: 'utf8',
    })

    expect(dump).toContain('INSERT INTO public.secrets')
    for (const form of ['utf8', 'hex', 'base64'] as const) {
      expect(dump).not.toContain(Buffer.from('a-very-own-token').toString(form))
    }
  })

  test.each([['before'], ['at the answer']] as const)(
    'a COMMIT whose connection is cut %s takes effect once',
    async (when) => {
      const { ledger, proxy } = await makeBreakable()
      for (let round = 0; round < 5; round++) {
        const upload = makeUpload({ id: `up-${round}` })
        proxy.cutAt('COMMIT', when)

        const opened = await ledger.openUpload({
          upload,
          token: 'token',
          stream: null,
          share: { maxUploads: 99, maxBytes: 1e9 },
          capacity: { limitBytes: 1e9, freeBytes: 1e9, presentBytes: 0 },
        })

        expect(opened).toEqual({ kind: 'opened' })
        expect(await ledger.findUpload(upload.id)).toEqual(upload)
      }
    },
  )

  test('a transaction that another machine has never had is run again there', async () => {
    const { other } = await makeBreakable()
    const unknown = 'SELECT pg_xact_status($1::xid8) AS status'

    const asked = other.get(unknown, ['999999999999'])

    await expect(asked).rejects.toSatisfy(isUnknownTransaction)
    await other.close()
  })

  test('what counts up counts once, also where the answer to COMMIT is lost', async () => {
    const { ledger, proxy } = await makeBreakable()
    const first = await ledger.issueTicket('ann', null, NOW)

    for (let round = 1; round <= 5; round++) {
      proxy.cutAt('COMMIT', 'at the answer')
      await ledger.endTicketEpoch('ann', NOW)
      expect(await ledger.ticketEpoch('ann')).toBe(first + round)
    }
  })

  test('a statement whose answer is lost is sent again, and leaves the same rows', async () => {
    const { ledger, proxy } = await makeBreakable()
    await insertUpload(ledger, makeUpload(), 'token')

    proxy.cutAt('WITH receiving', 'at the answer')
    expect(await ledger.acceptChunk(id, CHUNK, CHANGE)).toEqual({ kind: 'accepted', count: 1 })

    proxy.cutAt('DELETE FROM chunks', 'at the answer')
    await ledger.deleteChunk(id, 0)

    expect(await ledger.findChunk(id, 0)).toMatchObject({ chunk: null, count: 0 })
    expect(await ledger.reservations()).toMatchObject({ unwrittenBytes: makeUpload().size })
  })

  test('a statement that is sent again leaves none behind that could take effect later', async () => {
    const { ledger, proxy, other } = await makeBreakable()
    await insertUpload(ledger, makeUpload(), 'token')
    const locked = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    const holding = other.transaction(async (queries) => {
      await queries.run('SELECT 1 FROM uploads FOR UPDATE')
      locked.resolve()
      await done.promise
    })
    await locked.promise
    const waiting = async (): Promise<number[]> => {
      const rows = await other.all(
        `SELECT pid FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      )
      return rows.map(({ pid }) => Number(pid))
    }

    const touching = ledger.touchUpload(id, NOW + 7)
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1))
    const [first] = await waiting()
    proxy.cut()

    await vi.waitFor(async () => {
      const now = await waiting()
      expect(now).toHaveLength(1)
      expect(now).not.toContain(first)
    })
    done.resolve()
    await Promise.all([touching, holding])
    await other.close()
    expect(await ledger.findUpload(id)).toMatchObject({ touchedAt: NOW + 7 })
  })

  test('connections that break again and again lose no call and double none', async () => {
    const { ledger, proxy } = await makeBreakable({ patienceMs: 60_000 })
    await insertUpload(ledger, makeUpload({ totalChunks: 200 }), 'token')
    let answered = 0

    const accepted = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const answer = await ledger.acceptChunk(id, { ...CHUNK, index }, CHANGE)
        if (++answered % 20 === 0) proxy.cut()
        return answer
      }),
    )

    expect(accepted.map(({ kind }) => kind)).toEqual(Array(200).fill('accepted'))
    expect(await ledger.chunks(id)).toHaveLength(200)
    expect(await ledger.sealUpload(id, NOW)).toMatchObject({ kind: 'sealed' })
    expect(proxy.connections).toBeGreaterThan(10)
  })

  test('a database that restarts is waited for', async () => {
    const { ledger } = await makeBreakable({ patienceMs: 20_000 })
    await insertUpload(ledger, makeUpload(), 'token')

    const [accepted] = await Promise.all([
      ledger.acceptChunk(id, CHUNK, CHANGE),
      server.restart(),
      ledger.touchUpload(id, NOW),
      ledger.savePercent(id, 3),
    ])

    expect(accepted.kind).toBe('accepted')
    expect(await ledger.findUpload(id)).toMatchObject({ lastPercent: 3 })
  })

  test('a database that is gone is SPOOL_FAILED, at once when it has been gone for long', async () => {
    const { ledger, proxy } = await makeBreakable({ patienceMs: 300 })
    await insertUpload(ledger, makeUpload(), 'token')
    proxy.close()

    const failure = {
      code: 'SPOOL_FAILED',
      status: 503,
      retryAfter: 5,
      message: 'The database cannot be used right now',
    }
    await expect(ledger.findUpload(id)).rejects.toMatchObject(failure)
    await expect(ledger.failUpload(id, neverWritten())).rejects.toMatchObject(failure)
    const connections = proxy.connections
    await expect(ledger.findUpload(id)).rejects.toMatchObject(failure)
    expect(proxy.connections).toBe(connections + 1)

    proxy.open()
    expect((await ledger.findUpload(id))?.state).toBe('receiving')
  })

  test('a call does not wait for a connection for ever when others have them all', async () => {
    const { ledger, other } = await makeBreakable({ maxConnections: 1, patienceMs: 300 })
    await insertUpload(ledger, makeUpload(), 'token')
    const locked = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    const holding = other.transaction(async (queries) => {
      await queries.run('SELECT 1 FROM uploads FOR UPDATE')
      locked.resolve()
      await done.promise
    })
    await locked.promise

    const waiting = ledger.touchUpload(id, NOW + 7)
    await expect(ledger.findUpload(id)).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    done.resolve()

    await Promise.all([waiting, holding])
    await other.close()
    expect(await ledger.findUpload(id)).toMatchObject({ touchedAt: NOW + 7 })
  })

  test('two transactions that wait for each other both take effect', async () => {
    const { other, ledger } = await makeBreakable()
    for (const name of ['a', 'b']) await insertUpload(ledger, makeUpload({ id: name }), 'token')
    const tries = { count: 0 }
    const both = Promise.withResolvers<void>()
    const touch = (first: string, second: string) =>
      other.transaction(async (queries) => {
        const sql = 'UPDATE uploads SET touched_at = touched_at + 1 WHERE id = $1'
        await queries.run(sql, [first])
        if (++tries.count === 2) both.resolve()
        await both.promise
        await queries.run(sql, [second])
      })

    await Promise.all([touch('a', 'b'), touch('b', 'a')])
    await other.close()

    expect(tries.count).toBe(3)
    const { touchedAt } = makeUpload()
    for (const name of ['a', 'b']) {
      expect(await ledger.findUpload(name)).toMatchObject({ touchedAt: touchedAt + 2 })
    }
  })

  test('a null character, which no text of PostgreSQL can have, is refused as the caller’s', async () => {
    const ledger = await openTestLedger(server, { database: await makeDatabase() })

    await expect(ledger.findUpload('nul\0byte')).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  test('names are found without pg_trgm too, and the log says that it is missing', async () => {
    const database = await makeDatabase()
    await withClient(server.urlOf(database), async (client) => {
      await client.query('CREATE ROLE guest LOGIN; GRANT CREATE ON SCHEMA public TO guest')
    })
    const log = createRecordingLog()
    const url = server.urlOf(database).replace('telestore@', 'guest@')
    const ledger = await openTestLedger(server, { database, url, log })
    await ledger.applyToLibrary(KEY, { files: [makeFile(1, { name: 'Überblick.pdf' })] })

    expect(await namesWith(ledger, 'uberbl')).toEqual(['Überblick.pdf'])
    expect(log.entries).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('pg_trgm') }),
    )
  })

  test('names have an index of three characters where the database has pg_trgm', async () => {
    const database = await makeDatabase()
    const ledger = await openTestLedger(server, { database })
    const files = Array.from({ length: 1_000 }, (_, n) =>
      makeFile(n + 1, { name: `holiday ${9_000 + n}.jpg` }),
    )
    await ledger.applyToLibrary(KEY, { files })

    await withClient(server.urlOf(database), async (client) => {
      // A thousand rows are read faster than any index.
      await client.query('SET enable_seqscan = off')
      const { rows } = await client.query(
        `EXPLAIN SELECT id FROM library_files WHERE folded LIKE '%day 9876%' LIMIT 10`,
      )
      expect(JSON.stringify(rows)).toContain('library_files_by_trigrams')
    })
    expect(await namesWith(ledger, '9876')).toEqual(['holiday 9876.jpg'])
  })
})

const KEY = { owner: 'ann', channelId: '-1001' }

async function namesWith(ledger: MaintainedLedger, word: string): Promise<string[]> {
  const page = await ledger.libraryPage(KEY, {
    path: [],
    recursive: true,
    words: [word],
    kind: null,
    sort: 'date',
    descending: false,
    limit: 10,
    after: { file: 'start', folder: 'start' },
  })
  return page?.files.map(({ name }) => name) ?? []
}

function neverWritten() {
  return { reason: 'No', percent: null, retryAt: null, now: NOW }
}

describe.skipIf(missing !== '')(`a database behind TLS${missing}`, () => {
  test('is trusted by its certificate, and by no other', async () => {
    const { server, caPath } = await startWithTls()
    const url = server.urlOf('ledger').replace('127.0.0.1', 'localhost').split('?')[0]
    const open = (query: string) =>
      openTestLedger(server, { database: 'ledger', url: `${url}?${query}`, patienceMs: 100 })

    try {
      await server.createDatabase('ledger')
      const ledger = await open(`sslmode=verify-full&sslrootcert=${encodeURIComponent(caPath)}`)
      expect(await ledger.findUpload('none')).toBeNull()
      await expect(open('sslmode=verify-full')).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
      await expect(open('sslmode=disable')).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
      await ledger.close()
    } finally {
      await server.stop()
    }
  })
})

/** A server that takes no connection without TLS, and the certificate by which it is known. */
async function startWithTls(): Promise<{ server: PostgresServer; caPath: string }> {
  const folder = await makeTempDir()
  const [keyPath, caPath, rulesPath] = [
    join(folder, 'key.pem'),
    join(folder, 'certificate.pem'),
    join(folder, 'rules.conf'),
  ]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', keyPath, '-out', caPath, '-subj', '/CN=localhost', '-days', '2'],
      ...['-addext', 'subjectAltName=DNS:localhost'],
    ],
    { stdio: 'pipe' },
  )
  await writeFile(rulesPath, 'hostssl all all 127.0.0.1/32 trust\n')
  const user = serverUser()
  for (const path of [folder, keyPath, caPath, rulesPath]) {
    if (user) await chown(path, user.uid, user.gid)
  }
  const server = await startPostgres({
    settings: {
      ssl: 'on',
      ssl_cert_file: caPath,
      ssl_key_file: keyPath,
      hba_file: rulesPath,
    },
    query: '?sslmode=no-verify',
  })
  return { server, caPath }
}
