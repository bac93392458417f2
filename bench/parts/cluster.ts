import { missingPrograms } from '../../test/helpers/cluster/programs.ts'
import { measureDeaths } from '../cluster/deaths.ts'
import { measureDeploy } from '../cluster/deploy.ts'
import { measureIntake } from '../cluster/intake.ts'
import { measureParts } from '../cluster/parts.ts'
import { measureProgress } from '../cluster/progress.ts'
import { measureReads } from '../cluster/reads.ts'
import { measureStore } from '../cluster/store.ts'
import { measureUploads } from '../cluster/uploads.ts'
import type { Figure } from '../harness/results.ts'
import type { Scope } from '../harness/scope.ts'

export const title = 'Many nodes behind HAProxy, with PostgreSQL and an S3 server'

/** What more nodes carry, and what they cost, all of them on the cores of one machine. */
export async function run(scope: Scope): Promise<Figure[]> {
  const missing = missingPrograms('postgres', 'versitygw', 'haproxy')
  if (missing !== '') {
    scope.missing.set('cluster', missing.trim())
    return []
  }
  return [
    ...(await measureIntake(scope)),
    ...(await measureStore()),
    ...(await measureParts(scope.rounds)),
    ...(await measureUploads(scope.rounds)),
    ...(await measureReads(scope.rounds)),
    ...(await measureDeaths(scope.rounds)),
    ...(await measureProgress()),
    ...(await measureDeploy()),
  ]
}
