import type { Refusal } from '../../uploads/uploads.ts'
import { sentenceOnLeftOut } from '../../uploads/wording.ts'
import { Button } from '../button.tsx'
import { Icon } from '../icon.tsx'

export interface RefusalsProps {
  refusals: readonly Refusal[]
  leftOut: number
  onDismiss: () => void
}

/** Files that were not taken, and why. */
export function Refusals({ refusals, leftOut, onDismiss }: RefusalsProps) {
  if (refusals.length + leftOut === 0) return null
  return (
    <div class={refusals.length > 0 ? 'refusals bad' : 'refusals'}>
      <ul>
        {refusals.map(({ name, reason }) => (
          <li key={name} class="fault">
            <Icon name="warning" />
            <span>
              <bdi>{name}</bdi> {reason}
            </span>
          </li>
        ))}
        {leftOut > 0 && <li class="dim">{sentenceOnLeftOut(leftOut)}</li>}
      </ul>
      <Button icon="close" words="unseen" onClick={onDismiss}>
        Dismiss
      </Button>
    </div>
  )
}
