import { LANGUAGES } from "../words/languages";
import cardStyles from "./Card.module.css";
import controls from "./controls.module.css";
import { useLanguage } from "./language";

/** The choice of a language; without one the app follows the browser. */
export function LanguageCard() {
  const { words, choice, choose } = useLanguage();
  const { language, browserLanguage } = words.settings;
  return (
    <section class={cardStyles.card} aria-labelledby="language">
      <h2 id="language">{language}</h2>
      <select
        class={controls.input}
        aria-labelledby="language"
        value={choice ?? ""}
        onChange={(event) => choose(event.currentTarget.value || null)}
      >
        <option value="">{browserLanguage}</option>
        {LANGUAGES.map(({ code, name }) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </section>
  );
}
