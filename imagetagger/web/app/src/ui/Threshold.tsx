import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";
import styles from "./Threshold.module.css";

/** The slider for the size of tag sets, its meaning, and a button for the bundle's value. */
export function Threshold() {
  const { engine, library, act } = useApp();
  const { settings } = useWords();
  const { rule, value, standard, min, max, step } = library.threshold;
  const [local, setLocal] = useState<number | null>(null);
  const pending = useRef<number | null | undefined>(undefined);
  const busy = useRef(false);
  const shown = local ?? value;
  const send = async () => {
    if (busy.current) return; // the last value is sent after this one
    busy.current = true;
    while (pending.current !== undefined) {
      const next = pending.current;
      pending.current = undefined;
      await act(engine.setThreshold(next));
    }
    busy.current = false;
    setLocal(null);
  };
  const change = (to: number | null) => {
    setLocal(to ?? standard);
    pending.current = to;
    void send();
  };
  const at = (standard - min) / Math.max(max - min, 1e-9);
  const mark = useRef<HTMLSpanElement>(null);
  useEffect(() => mark.current?.style.setProperty("--at", String(at)), [at]);
  return (
    <div class={styles.threshold}>
      <p class={styles.meaning}>{settings.threshold(rule, shown)}</p>
      <div class={styles.slider}>
        <span ref={mark} class={styles.mark} title={settings.usual(settings.thresholdShort(rule, standard))} />
        <input
          type="range"
          aria-label={settings.howMany}
          aria-valuetext={settings.threshold(rule, shown)}
          min={min}
          max={max}
          step={step}
          value={shown}
          onInput={(event) => change(event.currentTarget.valueAsNumber)}
        />
      </div>
      <div class={styles.ends}>
        <span>{settings.fewer}</span>
        {Math.abs(shown - standard) > 1e-9 && (
          <button type="button" class={controls.link} onClick={() => change(null)}>
            <Icon name="reset" />
            {settings.backTo(settings.thresholdShort(rule, standard))}
          </button>
        )}
        <span>{settings.more}</span>
      </div>
    </div>
  );
}
