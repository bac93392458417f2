import type { Refusal } from '../uploads/uploads.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'

export interface RefusalsProps {
  refusals: readonly Refusal[]
  onDismiss: () => void
}

/** Files that were not taken, and why. */
export function Refusals({ refusals, onDismiss }: RefusalsProps) {
  if (refusals.length === 0) return null
  return (
    <div class="refusals">
      <ul>
        {refusals.map(({ name, reason }) => (
          <li key={name} class="fault">
            <Icon name="warning" />
            <span>
              <bdi>{name}</bdi> {reason}
            </span>
          </li>
        ))}
      </ul>
      <Button icon="close" words="unseen" onClick={onDismiss}>
        Dismiss
      </Button>
    </div>
  )
}
