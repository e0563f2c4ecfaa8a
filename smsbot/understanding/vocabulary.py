"""The words that people use in their replies, sorted by what they are about. Data, no rules.

Each list is plain French: small letters, no accents, entries set off by commas or line ends. An entry of several words
is a fixed phrase and wins over its words. Misspellings are listed too, but for those of doubled letters and of endings
that sound the same, which `lexicon` sees through. What a word does to a reply is decided by the grammars of `opening`,
`confirmation`, `choice` and `keywords`.
"""

from __future__ import annotations

from enum import Enum, auto


class Concept(Enum):
    """What a word or fixed phrase is about. The grammars speak of concepts by these names."""

    # answers
    YES = auto()
    OKAY = auto()  # a yes to a question, a mere acknowledgement where nothing was asked
    AGREE = auto()  # "exactement", "allez-y": a yes where something was asked, nothing elsewhere
    VALIDATE = auto()  # "validé": the cancellation, or the appointment?
    SUITS = auto()  # "ça me convient": the cancellation, or the time of the appointment?
    FINE = auto()  # "sans problème", "je suis sûre": goes well with a yes and is none by itself
    NOTED = auto()  # "bien reçu"
    CONFIRM = auto()
    NO = auto()
    REFUSE = auto()  # "surtout pas"
    # giving up, keeping, moving
    CANCEL = auto()
    ORDER = auto()  # "annulez", spelled so: told to somebody, not the keyword sent again
    WILL = auto()  # "j'annulerai": not yet
    DROP = auto()  # "je me désiste"
    QUIT = auto()  # "je ne donnerai pas suite": giving up, said by negation
    CANCELLATION = auto()
    REMOVE = auto()
    FREE = auto()  # "libérer la place"
    GIVE = auto()
    LEAVE = auto()
    LETGO = auto()  # "laissez tomber"
    MOOT = auto()  # "plus besoin"
    KEEP = auto()
    MOVE = auto()
    REBOOK = auto()  # "je reprendrai rdv"
    ERROR = auto()  # "par erreur"
    FINALLY = auto()
    # coming and staying away
    ATTEND = auto()
    COME = auto()  # infinitive
    AWAY = auto()  # "je ne viendrai pas"
    ABSENT = auto()  # "absent", "empêché": a reason, or an autoresponder
    DELAY = auto()
    # negation, doubt, condition, question
    NE = auto()
    NOT = auto()
    NOMORE = auto()  # "plus", which is "more" as well
    INSTEAD = auto()  # "au lieu de", "hors de question de"
    IF = auto()
    ONLY = auto()  # a condition ("seulement jeudi"), or mere emphasis at the end ("annulez seulement")
    HEDGE = auto()
    SMIRK = auto()  # an emoji that takes back what it follows, or that may mean anything ("❌")
    WAIT = auto()
    POLITEIF = auto()  # "si possible": no condition in a request, one in an answer
    WHILE = auto()
    JUST = auto()  # "je viens de"
    CALLBACK = auto()  # "je rappellerai"
    CAUSE = auto()  # "car", "donc": begins a clause of its own
    BUT = auto()
    OR = auto()
    ASK = auto()
    WHETHER = auto()  # "est-ce que": opens a question, or a polite request
    QUESTION = auto()  # the sign
    POSSIBLE = auto()
    MIGHT = auto()  # "serait-il possible": a request in the form of a question
    DEADLINE = auto()  # "jusqu'à quand", "par sms": asked about cancelling, not for it
    # verbs that carry others
    CAN = auto()
    CANYOU = auto()
    WANT = auto()
    MUST = auto()
    GO = auto()
    TRY = auto()
    UNABLE = auto()  # "j'arrive pas à"
    NEED = auto()  # "besoin de": a reason to come
    SAY = auto()
    TELL = auto()  # as SAY, but "oui dites" is no yes
    DO = auto()
    BE = auto()
    HAVE = auto()
    HAD = auto()  # "j'aurais dit oui": no more
    BEEN = auto()  # "été", "déjà": it is done
    # people
    I = auto()  # noqa: E741 (the pronoun)
    YOU = auto()
    THEY = auto()
    WHO = auto()
    FAMILY = auto()  # whom one may speak for
    STRANGER = auto()  # whose appointment is not one's own
    SOMEONE = auto()
    # things
    APPOINTMENT = auto()
    SLOT = auto()
    LIST = auto()
    LINK = auto()  # "le lien pour annuler"
    FOREIGN = auto()  # what is cancelled elsewhere
    TOPIC = auto()  # a thing that reasons speak of; no reason by itself
    GOT = auto()  # "j'ai pris", "j'ai trouvé"
    TROUBLE = auto()  # a reason not to come
    WHEN = auto()
    LATER = auto()  # "une autre fois"
    TIME = auto()
    DATE = auto()
    NUMBER = auto()
    ORDINAL = auto()
    COUNT = auto()  # a number in letters
    ONE = auto()
    # small words
    THE = auto()
    MY = auto()
    THIS = auto()
    OF = auto()
    TO = auto()
    AT = auto()  # "chez", "vers"
    A = auto()  # "a" and "à", which people do not tell apart
    FOR = auto()
    THAT = auto()
    ALL = auto()
    AND = auto()
    FILLER = auto()
    # politeness
    HELLO = auto()
    PLEASE = auto()
    THANKS = auto()
    THANKSFOR = auto()  # "merci d'avoir": what follows is done
    POLITE = auto()
    CLOSING = auto()
    PLEASED = auto()
    INTRO = auto()  # "mon nom est": what stands around letters
    # keywords and the list of appointments
    STOP = auto()
    START = auto()
    HELP = auto()
    CALLHELP = auto()  # "comment ça marche": asks for help as a phrase
    SMS = auto()
    CEASE = auto()
    RECEIVE = auto()
    SEND = auto()
    AGAIN = auto()
    MORE = auto()
    NONE = auto()  # "aucun des deux"
    PICK = auto()  # "numéro"
    SEVERAL = auto()  # "les deux"
    SHOW = auto()
    OTHERS = auto()
    # the rest
    ROBOT = auto()  # an autoresponder
    ORDINARY = auto()  # everyday French that explains nothing
    ALMOST = auto()  # merely similar to a word for cancelling: enough to ask, never to act
    REFUSAL = auto()  # "n'annulez pas", composed by `grammar`
    COMMA = auto()
    PERIOD = auto()
    UNKNOWN = auto()


def concepts(names: str) -> frozenset[Concept]:
    """A set of concepts by their names: `concepts("YES NO")`."""
    return frozenset(Concept[name] for name in names.split())


WORDS: dict[Concept, str] = {
    Concept.YES: """
        oui, ouais, ouai, ouaip, ouep, oue, ouaie, ouias, oais, ouas, uais, we, wai, wais, wouai, wouais, wouaip
        oui oui, ouioui, ouwi, owi, woui, wi, wui, ui, vi, voui, vui, houi, oiu, uoi, oyi, iui, ouj, oiui, awi, ouiu
        yes, yep, yeah, yup, yeap, ye, yess, ya oui, yesss, ouay, oay, ouaiiis, ou i, o u i, mais oui, ben oui
        bah oui, ba oui, beh oui, bin oui, be oui, eh oui, he oui, et oui, ah oui, a oui, oh oui, euh oui, que oui
        mais wi, me wi, bien sur que oui, evidemment que oui, oui da, pardi oui, eh ben oui, eh bien oui, mais si oui
        naam, evet, ouii, ouiche, ouaiche, oui monsieur, bien sur oui, mille fois oui, trois fois oui, yes sir, yea
        yess sir, yessai, waw oui, ouaiis, ouaips, ouip, uwi, woue, ouille oui, ouie, ouaich, ouich, ben ouais
        bah ouais, bah ouai, ben ouai, ouais ouais, wep, weps, vouiii, wii, viii, oui certes, oui oui oui, mais ouais
        eh be oui, he be oui, eh bin oui, na3am, naam oui, mdr oui, wesh oui, oui ouais, yes yes
        wi wi, se oui, se wi, mwen di wi, mi di oui, mi di wi, oui chef, ui ui, evidemment oui, oui evidemment
    """,
    Concept.OKAY: """
        ok, oki, okay, okey, oke, okai, okok, ok ok, okidoki, oki doki, okidac, ok dac, o k, okkk, dac, dak, dacc
        dacor, dacord, dacort, daccord, daccors, dakor, dakord, d accord, d acord, d accor, d ac, d acc, d acor
        d accords, d accord avec, dacodac, d ak, entendu, c est entendu, ca marche, sa marche, ca roule
        c est d accord, je suis d accord, suis d accord, c est ok, c est okay, accord, d accord avec ca, roule, 👍, 👌
        ✅, ✔, ☑, 🆗, ✓, dakodak, d acodac, dakodac, daccodac, dacc ok, okay okay, oki ok, okido, okidok, okie
        okie dokie, okeyy, okais, okaye, okaii, d accord d accord, suis ok, je suis ok, nous sommes d accord
        on est d accord, c est d acc, daco, dako, d acor oui, c est ok oui, ca joue, okayy, alright, sure ok
        bien d accord, entierement d accord, tout a fait d accord, tt a fait d accord, tout a fait d acc
        totalement d accord, completement d accord, je suis tout a fait d accord
    """,
    Concept.AGREE: """
        absolument, tout a fait, toutafait, tout afait, tt a fait, affirmatif, affirmative, exact, exactement, exacte
        c est exact, parfaitement, correct, c est correct, c est cela, c est ca, c est sa, c bien ca, c est bien ca
        c est bien sa, c est bien cela, c est tout a fait ca, voila c est ca, effectivement, en effet, evidemment
        evidament, evidement, bien sur, biensur, bien sure, bien evidemment, bien entendu, naturellement, certes oui
        assurement, carrement, carement, sans hesiter, sans hesitation, sans aucun doute, sans le moindre doute
        of course, faites le necessaire, faire le necessaire, allez y, aller y, alle y, allez i, allezy, vas y, va y
        vazy, vasy, vas i, vazi, vazie, vasie, vas zy, vaz y, vaz i, go, c est parti, faites le, faite le, faites donc
        faites, faite, fais le, faites comme ca
        procedez, veuillez proceder, vous pouvez y aller, vous pouvez le faire, vous pouvez proceder, tu peux y aller
        tu peux le faire, je veux bien, je voudrais bien, veux bien, j aimerais bien, volontiers, vzy, vasi, wazy
        wazi, c est affirmatif, c est bien exact, juste oui, c est bien cela meme, c est cela meme, c est ca meme
        ca meme, grave oui, bien evidement, sans probleme oui, je valide oui, bien entendu oui, bien volontier
        volontier, volontiers oui, parfaitement oui, positif oui, indeed, exactly, absolutely, certainly, definitely
        go ahead, do it, faites le svp, faites le oui, faites ca, fais ca, faites le donc, procedez svp, procedez y
        on fait comme ca, faisons comme ca, faisons ca, on fait ca, vous pouvez faire, je vous laisse faire
        je vous laisse le faire, je vous autorise, je l autorise, autorise, vous avez mon accord, mon accord
        je donne mon accord, je vous donne mon accord, accord donne, allez y oui, allez y faites
        c est bien ce que je veux, c est ce que je veux, c est ce que je souhaite, c est mon choix, c est voulu
        c est exactement ca, c est tout a fait exact, c est parti oui, carrement oui, un peu oui, exactement oui
        exactement ca, effectivement oui, en effet oui, toute a fait, toutafais, tout affait, tou ta fait, toutafe
        sans aucune hesitation, sans aucun probleme, feu vert, je donne le feu vert, banco, fonce, foncez, chiche
        entendu oui, bien recu oui
        ale i, ale y, alez i, aler i, alezi, ale zi, accepte, accepter, acceptee, approuve, approuver, vous pouvez oui
        vous avez le feu vert, consens, consent
        j y consens
        consentons, favorable, je suis favorable, suis favorable, c est ce que je demande, c est bien ce que je demande
        c est ce que je desire, c est bien ce que je desire, c est bien ce que je souhaite, c est ma volonte
    """,
    Concept.VALIDATE: "valide, valider, validez, validee, c est valide, je le valide, je valide",
    Concept.SUITS: """
        c est bon pour moi, c est bon pour nous, bon pour moi, ok pour moi, c est ok pour moi, ca me va, sa me va
        ca me convient, ca nous va, ca nous convient, me convient, avec plaisir, tout est bon, c est tout bon
    """,
    Concept.FINE: """
        c est bon, cbon, sure, celui la, celui ci, celle la, celle ci, celuila, c est celui la, c est bien celui la
        c est bien celui ci, c est bien ce rdv, c est bien lui, bien celui la, bien celui ci, c est le bon
        sans probleme, sans problemes, sans soucis, sans souci, pas de probleme, pas de problemes, pas de pb
        aucun probleme, aucun pb, aucun souci, aucun soucis, pas de souci, pas de soucis, pas d soucis, pas d souci
        pas de soussi, y a pas de souci, ya pas de soucis, no problem, no probleme, no soucis, no souci, tkt
        ne vous inquietez pas, vous inquietez pas, t inquiete, t inquiete pas, pas grave, c est pas grave
        ce n est pas grave, n est pas grave, tant pis, certain, certaine, je suis certain, je suis certaine
        sur de moi, sure de moi, sur et certain, sure et certaine, je suis sur, je suis sure, suis sur, suis sure
        certainement, sans regret, amplement, definitivement, definitif, entierement, completement, totalement
        mille fois, encore une fois, une bonne fois pour toutes, sans faute, sans plus attendre, c est mieux
        c est mieux ainsi, pas d objection, aucune objection, sans objection, je n y vois pas d inconvenient
        pas d inconvenient, aucun inconvenient, pas d inquietude, certain de moi, sur a 100, sur sur, c est sur
        pour de bon, une fois pour toutes, c est definitif, c est decide, c est tout decide, la 2eme fois
        la 2e fois, la deuxieme fois, 2eme fois, deuxieme fois, la 3eme fois, la 3e fois, la troisieme fois
        la seconde fois, je persiste, je persiste et signe, zero souci, zero probleme, nikel, sans pb, tranquille oui
        tkt pas, tqt, tqt pas, t inkiete
        decision est prise, ma decision est prise, notre decision est prise, c est ma decision
        c est la 2eme fois, c est la 2e fois, c est la deuxieme fois, c est la 3eme fois, c est la troisieme fois
    """,
    Concept.NOTED: """
        bien recu, recu, bien note, note, c est note, notee, c est bien note, message recu, message bien recu, vu
        bien compris, compris, j ai compris, pris note, je prends note, c est compris, je note
    """,
    Concept.CONFIRM: """
        confirme, confirmer, confirmee, confirmes, confirmation, confirmations, je confirme, confime, comfirme
        comfirmer, confirm, reconfirme, confirmons, certifie, je reitere, maintiens ma demande
        maintiens mon annulation, maintiens l annulation, maintiens ma decision
    """,
    Concept.NO: """
        non, nn, nan, no, nop, nope, nnon, noon, naan, nah, neni, nenni, nein, niet, non non, nonon, n o n, ah non
        mais non, oh non, ben non, bah non, ba non, que non, eh non, he non, bien sur que non, evidemment que non
        negatif, negative, awa, aa non, nooon, 👎, 🙅, okin, pon moun, nein nein, nope nope, nop nop, non non non, no no
        nan nan, nn nn, nonnon, nooo, naon, nannan, naaan, nonnn, lala non, la la non, mdr non, ah nan, bah nan
        ben nan, mais nan, oh nan, que nan, a non, ah ca non, certes non, grand non, c est non, c non, oh que non
        ah que non, non monsieur, non merci non, nao, mi di non, mwen di non, non pas du tout
    """,
    Concept.REFUSE: """
        surtout pas, surtou pas, sourtout pas, surtout pa, surtout non, absolument pas, certainement pas, surement pas
        pas du tout, pa du tou, pas du tt, pas question, hors de question, hor de question, pas d accord
        jamais de la vie, en aucun cas, sous aucun pretexte, aucunement, nullement, en aucune facon
        pas le moins du monde, refuse, refus, jamais, jamai, refuser, en rien, rien du tout, pas d annulation
        hors question, il n en est pas question, ca va pas non, jamais au grand jamais, pour rien au monde, jms
        jamais jamais, sans facon, sans facons, sous aucun motif, en aucun ka, surement po, surtout po, never
        certainement po, refus total
        pas la peine, est pas la peine, n est pas la peine
        je m oppose, m oppose, je m y oppose, m y oppose, oppose, opposee
    """,
    Concept.ORDER: "veuillez annuler, please cancel, prie d annuler",
    Concept.DROP: """
        desiste, desister, desistes, desistons, desisterai, dessiste, desistee, decommande, decommander, decomande
        decomander, decommandes, renonce, renoncer, renoncons, renoncerai, renoncee, renonces, abandonne, abandonner
        abandonnons, decline, decliner, desistai, dessister, desistement de ma part, renonse, renoncerais, abandone
    """,
    Concept.QUIT: """
        pas donner suite, donnerai pas suite, donne pas suite, donner pas suite, donnons pas suite
        donnerons pas suite, donne pas de suite, sans suite, passe mon tour, comme annule, comme annulee
        je passe mon tour, on passe notre tour
    """,
    Concept.CANCELLATION: "annulation, annulations, desistement, desistements, resiliation, anulement, annulement",
    Concept.REMOVE: """
        supprimer, supprime, supprimez, suprim, suprimer, suprime, suprimez, supprimmer, suppression, sup, suppr
        supp, enlever, enleve, enlevez, enlevee, enleves, anlever, enlevez moi, retirer, retire, retirez
        retirez moi, effacer, efface, effacez, resilier, resilie, resiliez, rayer, raye, rayez, barrer, barrez
        delete, remove, oter, otez, sortez, desinscrire, desinscris, desinscrit, desinscrivez, desinscription
        desinscrivez moi, deprogrammer, deprogramme, deprogrammez, virer, virez, vire, iptal
    """,
    Concept.FREE: """
        liberer, libere, liberez, liberes, liberons, ceder, cede, cedez, restituer, restitue, disposer de, recuperer
        recupere, recuperez, reattribuer, reattribue, reattribuez, reaffecter, reaffectez, remettre a disposition
        remets a disposition, remettez a disposition
    """,
    Concept.GIVE: """
        donner, donne, donnez, attribuer, attribuez, attribue, refiler, refilez, refile, proposer, proposez, propose
        offrir, offrez, offre, rend, rends, rendre, filer, filez, file, passer, passez, accorder, accordez
    """,
    Concept.LEAVE: "laisse, laisser, laissez, laisses, laissee, lesser, lesse, lessez, laissons, laisez",
    Concept.LETGO: """
        laisse tomber, laisser tomber, laissez tomber, laissons tomber, lesse tomber, lessez tomber, oubliez mon
        oubliez le, oubliez ce, oublie le, oublie mon, on oublie, laissez tombez, laisse tombez, on laisse tomber
        je laisse tomber
    """,
    Concept.MOOT: """
        plus besoin, pu besoin, plus interesse, plus interessee, plus interesses, plus lieu d etre
        plus de raison d etre, plus utile, plus necessaire, plus d actualite, sans objet, plus l utilite
        plus d utilite, plus concerne, plus concernee, plus d interet, plus la necessite, plus necessite
        pas besoin finalement, pas interesse, pas interessee, plus aucun interet, plus aucune utilite
        plus vraiment besoin, plus du tout besoin, plus la peine, pas la peine finalement, n est plus la peine
        plus aucun besoin, plus aucune raison, plus de besoin, plus besoins, pus besoin, plus de raison, plus de motif
        plus utile maintenant, ne sert plus a rien, sert plus a rien, plus rien a faire, plus interessant
    """,
    Concept.KEEP: """
        garde, garder, gardez, gardons, garderai, gardes, gard, maintiens, maintient, maintenir, maintenez, maintien
        maintenu, maintenue, maintenons, mintien, maintiendrai, conserve, conserver, conservez, conservons
        ne touchez a rien, ne faites rien, faites rien, ne bougez rien, ne touchez rien, ne touchez pas, ne touche pas
        ne touche a rien, ne changez rien, ne change rien, n y touchez pas, touchez a rien, touchez rien, touche rien
        touche a rien, touchez pas, touche pas, tiens a mon, tiens au rdv, tiens a ce, tiens a ma, touchez plus a rien
        changez rien, change rien, changez pas, bouge pas, bougez pas, bougez rien, bouge rien, on touche a rien
        on touche rien, on ne touche a rien, on change rien, on ne change rien, on bouge rien, keep, keep it, preserve
        preservez, preserver, gade, gade le, laissez comme ca, laisse comme ca, laissez comme il est
        laissez le comme il est, laissez tel quel, gader, ne modifiez rien, modifiez rien, reste comme ca
        reste comme c est, reste comme prevu, reste comme il est, tout reste comme ca, tout reste comme prevu
        on reste sur, on reste comme, ca reste, rien a changer, rien a modifier, rien ne change, reste inchange
        inchange
        on bouge pas, on ne bouge pas, on n y touche pas, on y touche pas, pas touche, n y touche pas
        c est maintenu, toujours d actualite, toujours valable, toujours bon, j en ai besoin, j en ai vraiment besoin
        j en ai encore besoin, j en ai toujours besoin, y tiens, j y tiens
    """,
    Concept.MOVE: """
        decaler, decale, decalez, decalage, decallez, reporter, reporte, reportez, report, repport, reportai
        repousser, repousse, repoussez, deplacer, deplace, deplacez, avancer, avance, avancez, reculer, recule
        reculez, retarder, mettez, mettre, placez, prenez, prenez moi, changer, change, changez, changement, modifier
        modifie, modifiez, modif, modification, reprogrammer, reprogramme, reprogrammez, replanifier, replanifiez
        remettre, remettez, remet, remettons, remetre, echanger, echange, echangez, intervertir, autre date
        autre jour, autre heure, autre horaire, autre creneau, autre moment, autre rdv, autre rendez vous, autre jours
        autres dates, autre semaine, otre jour, otre date, otre rdv, nouveau rdv, nouveau rendez vous, nouvelle date
        nouveau creneau, nouvel horaire, nouvelle heure, a la place, en prendre un autre, prendre un autre
        prendre autre, un autre rdv, une autre date, redonner, redonnez, en donner un autre, replacer, replacez
        plus tot, une autre, un autre, d autres dates, ailleurs, plutot le, plutot la, plutot lundi, plutot mardi
        plutot mercredi, plutot jeudi, plutot vendredi, reschedule, postpone, decalle, decaler le, deplasse, deplasser
        deplacement du rdv, reportons, redater, redate, recaler, recale, recalez, rebook, redonner un, redonnez moi
        refixer, refixez, refixe, apres plutot, plutot l, plutot a, plutot en, plutot apres, plutot un, plutot une
        plutot demain, plutot samedi, plutot dimanche, avancement, autre disponibilite, autres disponibilites
        autre possibilite, autre proposition, autres creneaux, autres horaires, une place plus tard, change pour
        redecaler, permuter, permute, permutez, nouvelle proposition, reprogrammation
    """,
    Concept.REBOOK: """
        reprendrai, reprendrais, reprendre, reprends, reprend, reprendrons, refixerai, referai, reprendrez
        representerai, reprendre contact, reprendrais un, prendrai un autre, prendrai un nouveau, prendrai une autre
    """,
    Concept.ERROR: """
        erreur, par erreur, une erreur, erreurs, trompe, trompee, je me suis trompe, je me suis trompee
        me suis trompe, me suis trompee, suis trompe, suis trompee, fausse manip, fausse manipulation, mauvaise manip
        mauvais bouton, sans faire expres, pas fait expres, mal compris, malentendu, confondu, mauvaise manipulation
        bug, erreure, eror, error, mauvaise touche, fausse touche, faute de frappe, mal tape, pas ce que je voulais
        clique par erreur, mis clique, misclick, mal lu, mal vu, oubliez mon annulation, mauvais numero
        touche sans faire expres, pas expres, joue avec le telephone, jouait avec le telephone
        jouait avec mon telephone, joue avec mon telephone, jouer avec le telephone, boulette, etourderie, inattention
        megarde, par megarde, par inadvertance, inadvertance, par accident
        fausse manoeuvre, mauvaise manoeuvre, fausse manoeuvres, betise, betises, bourde, gaffe, meprise, maladresse
        quiproquo, fausse alerte, fait une erreur
        oubliez, oubliez ca, oublie ca, oubliez tout, oubliez cela, oubliez tout ca, oubliez ma demande
        oubliez mon message, oubliez mon sms, oubliez ce que j ai dit, tenez pas compte, pas tenir compte
    """,
    Concept.FINALLY: """
        finalement, finalment, finallement, en fin de compte, au final, tout compte fait, change d avis
        changer d avis, changee d avis, changement d avis, changement de programme, quand meme, kan meme
        apres reflexion, reflexion faite
        en fait, enfait, ravise, me ravise, reviens sur ma decision, reviens sur ma demande
    """,
    Concept.ATTEND: """
        viens, vien, viendrai, viendrais, viendrez, viendrons, viendre, vienne, viendrait, viendra, arrive, arrives
        arriv, arrivons, arriverai, ariv, presence, present, presente, presents, presentes, dispo, disponible
        disponibles, present demain, viens de suite, je suis la, suis la, chui la, sui la, serai la, serais la
        serez la, sera la, serons la, seront la, sere la, est la, sommes la, serons present, serons presents, y suis
        y serai, y serais, y sera, y serons, y vais, y sere, irai, irais, en route, en chemin, sur la route
        je suis dehors, suis devant, compter sur moi, comptez sur moi, compte sur moi, a demain, a lundi, a mardi
        a mercredi, a jeudi, a vendredi, a samedi, a bientot, a plus tard, a tout a l heure, a tte, a toute a l heure
        a tantot, a ce soir, a tout de suite, a toute, a domin, rdv demain, on se voit, on se retrouve, me presenterai
        presenterai, honorerai, assisterai, participerai, an ka vini, mi vien, mi ariv, come, coming, present au rdv
        etes la, es la, libre, libres, viendrais bien, j y serais, presentement la, en personne, accompagne
        accompagnee, serai present, serai presente, viendrons bien, viendrai bien, je vient, viendrez bien
        vienne bien, vient avec, viens avec, pars maintenant, pars tout de suite, pars de chez moi, ponctuel
        ponctuelle, rdv confirme, a tres vite, a tres bientot, au rdv, hate de, hate d, hate, impatience, impatient
        impatiente
        je passe, je passerai, on passe, on passera, je vous rejoins, rejoins, j apporte, j amene, je ramene
        je me presente
    """,
    Concept.COME: """
        venir, venire, veni, vini, me deplacer, m deplacer, nous deplacer, se deplacer, etre la, y etre, y aller
        etre present, etre presente, etre presents, me presenter, nous presenter, m y rendre, nous y rendre, me rendre
        me rendre au rdv, me liberer, honorer, assister, participer, y assister, y participer, etre disponible
        etre dispo, vous voir, passer vous voir, etre presentes, me libere, m y presenter, bouger, sortir, quitter
        conduire, aller, se liberer, s est libere, s est liberee, me suis libere, me suis liberee, m emmene, m emmener
        m amene, m amener, nous emmene, nous amene, me conduit, m accompagne, m accompagner, m accompagnera, me depose
        me deposer, m emmenera
        a pu se liberer, ai pu me liberer, ont pu se liberer, peut se liberer, peux me liberer, peut m emmener
    """,
    Concept.AWAY: """
        serai pas la, serais pas la, sere pas la, suis pas la, sui pas la, est pas la, sera pas la, serons pas la
        sommes pas la, seront pas la, serai pa la, serais pa la, suis pa la, sera pa la, serai plus la, suis plus la
        serez pas la, ete la pas, m attendez pas, nous attendez pas, m attendez plus, m attend pas, attendez pas
        impossible de venir, impossible d etre la, impossible de me deplacer, incapable de venir
        comptez pas sur moi, compte pas sur moi, compter pas sur moi, faites sans moi, pa ka vini
        pas en mesure de venir, ca va pas etre possible, va pas etre possible, ne va pas etre possible, pas venir
        pas etre la, pas etre present, pas etre presente, plus venir
    """,
    Concept.ABSENT: """
        absent, absente, absents, absentes, absence, empechement, empechements, empeche, empechee, empeches
        indisponible, indisponibles, pas dispo, pa dispo, pas disponible, plus dispo, plus disponible, pas libre
        plus libre, pas presente, pas present, contretemps, contre temps, impossible pour moi, impossible
        empehcement, empechment, hors d etat, pas possible pour moi, sera pas possible, manquerai, pas pouvoir
        pas en mesure
    """,
    Concept.DELAY: """
        retard, retar, en retard, retarde, retardee, un peu de retard, retards, 5 min, 10 min, 15 min, 20 min, tard
    """,
    Concept.NE: "ne, n, nn ne",
    Concept.NOT: """
        pas, pa, pas encore, ps, pass, don t, do not, dont, rien, point, guere, ap, aucun, aucune, ni, sans
    """,
    Concept.NOMORE: "plus, pu, plu, pus",
    Concept.INSTEAD: """
        au lieu d, au lieu de, plutot que d, plutot que de, sans avoir a, eviter d, evite d, evitez d, eviter de
        evitez de, pas la peine d, pas la peine de l, pas la peine que, pas le droit d, le droit d, inutile d
        inutile de l, pas utile d, interdit d, interdiction d, empecher d, refus d, refuse d, refuse de, refuse que
        refuser d, hors de question d, hors de question que, pas question d, pas question que, hors de question de
        contre l, opposee a, oppose a, pas de raison d, aucune raison d, aucune envie d, pas envie d, non a l, non a
    """,
    Concept.IF: """
        si, sinon, a condition, condition, sous condition, sous reserve, reserve, en cas, en cas de, au cas ou
        o cas ou, cas, a moins, a moins que, tant que, pourvu que, sauf si, selon, ca depend, depend, avant que
        dans le cas, supposons, admettons, une fois que, si jamais, que si, seulement si, uniquement si, ssi, quitte a
        a defaut, faute de, unless, tant qu, du moment que, sous reserves, a supposer, au cas
    """,
    Concept.ONLY: "seulement, uniquement",
    Concept.QUESTION: "❓, ❔, !?, ¿",
    Concept.HEDGE: """
        se peut, se pourrait, peut etre, peutetre, peut tre, ptet, ptetre, pt etre, pe etre, peu etre, petetre
        peutettre, ptete, probable, probablement, surement, sans doute, eventuellement, eventuel, hesite, hesiter
        hesitation, hesitations, je pense, pense, penser, pensais, je crois, crois, croi, croit, croire, je sais pas
        sais pas, sais plus, sait pas, sait plus, sai pas, jsp, jspa, chais pas, che pas, chepa, jsais pas
        sais pas trop, sais pas encore, aucune idee, on verra, verra, verrai, je verrai, a voir, je vais voir
        vais voir, va voir, on va voir, normalement, en principe, a priori, apriori, moui, mouais, mouai, bof, hum
        hmm, mmh, suppose, je suppose, j imagine, imagine, si vous voulez, si tu veux, si vous le dites
        comme vous voulez, comme tu veux, c est vous qui voyez, vous qui voyez, reflechis, reflechir, reflechit
        reflexion, pas sur, pas sure, pas certain, pas certaine, pas trop, pas sur du tout, risque, risquer
        merci pour rien
        plus ou moins, a la limite, pourquoi pas, faut voir, il faut voir, enfin, presque, quasi, quasiment
        plutot oui, au pire, envisage, envisager, envisageais, voir si, theoriquement, en theorie, theorie
        je me demande, me demande, me tate, tate, plaisante, plaisanter, rigole, rigoler, blague, blaguer, deconne
        doute, doutes, indecis, indecise, possiblement, vraisemblablement, sans doutes, m est egal, est egal
        peu importe, importe, mi kone pa, semble, semblerait, me semble, risquons, espere, esperer, j espere, disons
        faudrait voir, devrais peut etre, maybe, perhaps, idk, failli, faillit, faillis, deux doigts d, sur le point d
        etais pret a, etais prete a, possible que, il se peut, il se pourrait, ptetr, pitetre, peu etr, p tet
        p t etre, pt et, peutetr, dans le doute, j ai un doute, un doute, indecise encore, pas encore decide
        pas decide, pas decidee, a reflechir, je reflechis, on verra bien, verrons, nous verrons, j en sais rien
        en sais rien, sais rien, aucune certitude, pas persuade, pas convaincu, pas convaincue, au mieux
        faites au mieux, a vous de voir, voyez, vous voyez, comme bon vous semble, c est selon, m en fiche, m en fous
        je m en fous, je m en fiche, soi disant, genre, mi figue mi raisin, ironie, ironique, j avoue, on dirait
        dirait, guess, i guess, i think, perhaps yes, probably, not sure, tout depend, dependra, devrait
        dirais
    """,
    Concept.SMIRK: """
        ❌, ✖, ✗, ✘, ❎, 🚫, ⛔, 🤔, 🤷, 😕, 🙄, 😏, 🤨, 😂, 🤣, 😬
        🧐, 😐, 😑, 🫤, 🛑, 🤪, 😜, 🤡, 🙃, 😅, 😡, 🤬, 😠, 🖕, 🤦, 🤥
    """,
    Concept.WAIT: """
        attendez, attend, attends, attendre, un instant, instant, une seconde, une minute, patientez, patienter
        attendais, attendent, atend, atendez, atende, wait, attendez moi, patience svp, minute papillon, deux secondes
        2 secondes, 2 minutes, deux minutes, deux min, 2 min, une petite minute, pas tout de suite, pas maintenant
    """,
    Concept.BUT: """
        mais, mai, sauf, cependant, toutefois, par contre, en revanche, pourtant, neanmoins, hormis, excepte, quoique
        meme si, a part, encore que, bien que, hors, but, en meme temps, seul bemol, bemol, hormi, excepter, malgre
        neamoins, nonobstant
    """,
    Concept.OR: "ou, ou bien, soit",
    Concept.ASK: """
        comment, coment, comen, komen, koman, komment, comant, pourquoi, pk, pq, prk, pourkoi, combien, conbien
        quel, quelle, quels, quelles, kel, lequel, laquelle, lesquels, quoi, koi, kwa, que dois je, que doit on
        que faut il, qu est, kes, qu es, keske, c est quand, quand est ce, jusqu a quand, jusqu a kan, savoir
        sait on, save, sachez, dites moi, dis moi, dite moi, qu est ce que, qu est ce qui, qu est ce qu, kesk
        c est quoi, c est qui, c est ou, ou est, ou se trouve, c ou, est il, est elle, sont ils, a t il, a t elle
        a t on, y a t il, etes vous, avez vous, as tu, es tu, dois je, doit on, faut il, dois on, ai je, suis je
        va t il, voulez vous, veux tu, allez vous, serez vous, sommes nous, ou pas, ou non, oui ou non, wi ou non
        n est ce pas, demandait, a quelle heure, c est a quelle heure, quelle heure, renseignement, renseigner
        renseignements, question, questions, une question, what, why, how
    """,
    Concept.WHETHER: "est ce que, est ce qu, est ce, es ce que, es que, esque, esk, eske, est c que, ski",
    Concept.POSSIBLE: """
        possible, posible, possible d, il est possible, c est possible, est il possible, est ce possible
        possibilite, moyen, y a moyen, ya moyen, moyens, la possibilite, peut on, peux t on, puis je, peux je
        peut t on, pouvons nous
    """,
    Concept.MIGHT: """
        serait il possible, serait ce possible, serai t il possible, serait possible, ce serait possible
        pourrais je, pourrai je, pourrait on, pourrions nous, serait il envisageable, possible svp
    """,
    Concept.DEADLINE: """
        jusqu a, jusqua, jusque, jusqu, avant quelle, dernier moment, le jour meme, combien de temps, delai, delais
        la veille, dernier delai, apres coup, gratuitement, gratuit, sans frais, frais, penalite, encore temps
        trop tard, consequence, consequences, par sms, par internet, en ligne
    """,
    Concept.CAN: """
        peux, peut, peu, pe, pourrai, pourrais, pourra, pourrez, pourrons, pourrait, pourait, pourai, pourais, puis
        puisse, pouvoir, pouvait, pouvais, pouvons, pourri, pouri, pourrez pas, pouvoire, gingn, poux, can, capable
        en capacite, en etat, en mesure, arriverons, possede
    """,
    Concept.CANYOU: """
        pouvez, pouvez vous, pourriez, pourriez vous, pouriez, pouriez vous, pouve, pourrez vous, vous pouvez
        peux tu, pourrais tu, tu peux, tu pourrais, vous pourriez, vous pourrez, est ce que vous pouvez
        est ce que vous pourriez, est ce que tu peux, pouvez t vous, poves, poveis, pouvez voux, pourriez voux
        auriez vous l amabilite, pvez, auriez vous la gentillesse, voudriez vous, voulez vous bien, would you
        could you, can you, pouvais vous, seriez vous aimable, vous est il possible, vous serait il possible
    """,
    Concept.WANT: """
        veux, veut, veu, ve, vx, voudrais, voudrai, voudrait, voudre, voulais, voulai, voulait, voulons, vouloir
        voulu, voulez, vouler, voudrions, voulions, souhaite, souhaites, souhaiter, souhaiterais, souhaiterai
        souhaitais, souhaitons, souhaiterions, souhait, souaite, shouaite, souhaiterait, aimerais, aimerai, aimerait
        aimerions, aimerez, desire, desires, desirerais, desirerai, desirais, prefere, prefererais, prefererai
        preferons, tiens, tien, demande, demander, demandes, demandons, volonte, decision, decide, decidee, decider
        choisi, choisis, vle, vl, want, would like, envie, l intention, intention, compte, comptais, quiero, choix
        voulaient, voudraient
    """,
    Concept.MUST: """
        dois, doit, doi, devoir, devrai, devrais, devons, devra, dwa, faut, fo, faudrait, faudra, falloir, fau
        il faut, oblige, obligee, obliger, obliges, contraint, contrainte, force, forcee, fallait, amene, amenee
        dans l obligation, obligation, must, regret de, au regret, regret, suis au regret, contrains
    """,
    Concept.GO: "vais, va, vai, allons, allez, vas, allais, ve faire, v, jv, vont, allait, iront, ira",
    Concept.TRY: """
        essaye, essaie, essayer, essaies, essai, essayez, tente, tenter, cherche, chercher, reussi, reussir, parvenu
    """,
    Concept.UNABLE: """
        arrive pas a, arive pas a, arrive plus a, parviens pas a, parvient pas a, reussis pas a
        impossible d annuler
    """,
    Concept.SAY: "dit, dis, di, repond, reponds, repondu, reponse, reponses, repons, repete, repeter, disais, disait",
    Concept.TELL: """
        considerez, considerer, dire, dites, repondre, repondez, ecris, ecrit, ecrire, envoye, envoie, marque, mis
        mets, tape, taper, appuye, clique, informe, informer, informons, previens, avise, annonce, annoncer
        fais part, precise, preciser, signale, signaler, noter, notez
    """,
    Concept.NEED: """
        besoin d, besoin de, need, urgent, important, importante, tres important, indispensable, essentiel, vital
    """,
    Concept.DO: """
        fait, faire, fais, fasse, fassiez, fera, ferez, ferai, feriez, proceder, procede, proceder a, procedez a
    """,
    Concept.BE: """
        est, es, et est, suis, sui, sommes, etes, sont, etais, etait, etions, etaient, sera, serai, serais, serait
        seront, serons, soit il, soient, sera pas, etre, etant, devient, s est, is
    """,
    Concept.HAVE: "ai, as, avez, avons, ont, aura, aurai, aurons, avoir, ayant, ait, ayez, eu",
    Concept.HAD: "avais, avait, aviez, aurais, aurait, auriez",
    Concept.BEEN: "ete, deja",
    Concept.I: "je, j, on, nous, moi, me, m, an, mi, mwen, moin, i, ns, g",
    Concept.YOU: "vous, vs, tu, te, t, vou, toi, voux, votre, vos, ton, ta, tes, vot",
    Concept.THEY: "il, elle, ils, elles, lui, leur, leurs, son, ses, se, s, y a, ya, il y a, li, cela, eux",
    Concept.WHO: "qui, ki",
    Concept.FAMILY: """
        fils, fille, filles, fiston, bebe, bb, enfant, enfants, enfan, gosse, gosses, gamin, gamine, gamins
        petit fils, petite fille, mari, femme, epouse, epoux, conjoint, conjointe, compagnon, compagne, mere, pere
        maman, papa, mamie, papi, papy, mamy, soeur, frangin, frangine, grand mere, grand pere, oncle, tante
        belle mere, beau pere, jumeaux, parent, parents, famille, neveu, niece, cousin, cousine, petit, petite, petits
        petites, gendre, petit dernier, ado, aine, ainee, cadet, cadette, nourrisson, beau frere, belle soeur
        beau fils, belle fille, gd mere, gd pere, homme, dame de compagnie, doudou, copine a moi, gars, mari et moi
        garcon, garcons, bebes, minot, minots, marmaille, marmay, ti moun, timoun, petiot, petiote, fistons, maris
        poupette, puce, petits enfants, petite derniere
    """,
    Concept.STRANGER: """
        voisin, voisine, voisins, collegue, colegue, collegues, ami, amie, amis, amies, copain, copine, copains
        copines, pote, potes, patron, patronne, locataire, mon amie, une amie, un ami, de mon ami, d un ami
        d une amie, client, cliente, beneficiaire, autrui, connaissance, coloc, employe, employee, salarie, salariee
        assistante maternelle, proprietaire, voizin, voizine
    """,
    Concept.SOMEONE: """
        quelqu un, quelqun, qqn, qqun, qlq, quelqu un d autre, qqn d autre, qqun d autre, qqun dautre, qqn dautre
        une personne, une autre personne, personne d autre, d autres personnes, d autres, autre personne, quelq un
        kelkun, kelk1, qq un, quelqu une, qlqn, qqu un, un autre usager, une autre famille, autre famille, autres
        qui en a besoin, en a besoin, en a plus besoin, a qui en a besoin, quelqu un qui en a besoin
        qui en a plus besoin que moi, qui veut, personnes
    """,
    Concept.APPOINTMENT: """
        rdv, rdvs, rvd, rdb, rfv, rddv, rdvv, rv, rdz, rdz vous, rdez vous, r d v, rd v, edv, tdv, rdvous, rendev
        rende v, rencontre, rencard, entretien, entretiens, consultation, consult, consultations, visite, venue
        passage, seance, seances, atelier, ateliers, permanence, participation, inscription a l atelier
        inscription a un atelier, inscription atelier, inscription au rdv, convocation, convoc, appointment, cita
        rendezvou, rdvd, rdv telephonique, visio, rende, randevu, termin, entrevue, entrevu, bilan, suivi, rende vou
    """,
    Concept.SLOT: """
        place, plasse, creneau, creneaux, crenau, creno, crenaux, creneaus, tour, plage, plage horaire, horaire
    """,
    Concept.LIST: """
        planning, liste, listing, agenda, calendrier, programme, emploi du temps, planing, tableau, registre
    """,
    Concept.LINK: """
        lien, site, bouton, numero pour, application, appli, page, internet, code, mail, lien pour, touche
        formulaire, portail, adresse
    """,
    Concept.FOREIGN: """
        colis, coli, commande, commandes, livraison, livraisons, livreur, abonnement, abonement, abonnements, billet
        billets, hotel, table, couverts, couvert, resto, restau, restaurant, coiffeur, coiffeuse, coiffure, coif
        coiffeurs, barbier, foot, match, cine, cinema, film, apero, repas, diner, dejeuner, barbecue, bbq, anniv
        anniversaire, fete, soiree, amende, pv, contravention, virement, paiement, prelevement, cheque, forfait
        achat, devis, carte bleue, carte bancaire, cb, garage, garagiste, controle technique, chronopost, colissimo
        amazon, uber, vtc, blablacar, covoiturage, airbnb, booking, netflix, canal, canalsat, sfr, bouygues, free
        edf, engie, dentiste, dentaire, kine, osteo, osteopathe, ophtalmo, orthodontiste, dermato, dermatologue
        veto, veterinaire, ongles, manucure, epilation, massage, estheticienne, esthetique, tatoueur, tatouage
        doctolib, notaire, sncf, pizza, pizzas, vol, location, reservation resto, plombier, electricien, sejour
        piscine, banque, banquier, appartement, appart, avocat, avocate, yoga, gym, salle de sport, sport
        entrainement, tennis, rugby, danse, concert, spectacle, rallye, mutuelle, leboncoin, vinted, babysitting
        baby sitting, menage, nettoyage, ramonage, chaudiere, fibre, box, mecano, radiologue, irm, scanner
        echographie, medecin traitant, generaliste, gyneco, gynecologue, laser, toiletteur, toilettage, pneus
        vidange, revision, auto ecole, moniteur
    """,
    Concept.TOPIC: """
        voiture, voitures, auto, caisse, vehicule, bus, buss, train, trains, tram, metro, rer, avion, bateau, scooter
        velo, moto, camion, bagnole, taxi, nounou, nourrice, baby sitter, babysitter, ecole, creche, maitresse, maison
        papier, papiers, dossier, document, documents, rentre, pars, part, partir, parti, partie, partons, situation
        heures, jambe, dos, pied, bras, genou, cheville, tete, ventre, ordonnance, rsa, caf, essence, argent
        euros, pole emploi, france travail, mission, interim, contrat, cdi, cdd, papa malade, moteur, batterie, pneu
        cle, cles, permis de conduire, moyen de transport, transport, transports, moyen de locomotion, locomotion
        vieille, vieux, age, agee, loin, quartier, pluie, meteo, chaleur, canicule, ville, examens, nuit, route coupee
        regle, reglee, resolu, resolue, arrange, arrangee, solution, autrement, demarche, demarches
        assistante sociale, assistant social, conseillere, conseiller, referent, referente, pmi, mairie, mds
        sage femme, puericultrice, medecin, travailleur social, educatrice, educateur, valise, valises, mutuelle sante
        employeur, chef d equipe, patronat, pluies, assurance, logement, hlm, appartement neuf, consul, consulat
        ambulance, vsl, chauffeur, fauteuil, bequilles, bequille, canne, deambulateur, maison de retraite, ehpad
        retraite, lycee, college, rentree, cantine, classe
    """,
    Concept.TROUBLE: """
        malade, malades, maladie, malad, grippe, grippee, fievre, covid, corona, coronavirus, positif, positive
        positif au covid, positive au covid, gastro, varicelle, angine, rhume, enrhumee, enrhume, migraine
        bronchiolite, bronchite, otite, toux, hopital, hopitale, opital, hosto, chu, clinique, hospitalise
        hospitalisee, hospitalises, hospitalisation, ospitalise, urgences, urgence, opere, operee, operation, accident
        accidente, accidentee, blesse, blessee, blessure, casse, cassee, platre, entorse, fracture, lumbago, sciatique
        mal au dos, mal a la tete, mal au ventre, mal aux dents, mal partout, mal en point, douleur, douleurs
        souffrant, souffrante, souffre, fatigue, fatiguee, fatigues, epuise, epuisee, alite, alitee, clouee, cloue
        au lit, vomi, vomit, vomis, accouche, accouchement, accoucher, contractions, grossesse, deces, decede, decedee
        mort, morte, mourir, enterrement, obseques, deuil, funerailles, incineration, panne, en panne, creve, crevee
        creves, lache, greve, greves, en greve, neige, verglas, inondation, inondations, cyclone, tempete, intemperies
        bouchon, bouchons, embouteillages, bloque, bloquee, bloques, bloquer, coince, coincee, coinces, retenu
        retenue, travail, travaille, travailler, travaill, boulot, taf, taff, bosse, bosser, job, embauche, embauchee
        embaucher, emploi, formation, stage, examen, deplacement, deplacements, etranger, a l etranger, demenage
        demenagement, demenager, demenagee, imprevu, imprevus, imprevue, empechement majeur, force majeure, probleme
        problemes, pb, soucis, souci, soucy, sante, raison, raisons, familial, familiale, familiales, familiaux
        personnel, personnelle, personnelles, perso, professionnel, professionnelle, professionnelles, professionnels
        pro, occupe, occupee, pris ailleurs, prise ailleurs, obligations, pas de garde, garde d enfant
        garde d enfants, mode de garde, faire garder, garder les enfants, garder mes enfants, garder mes petits
        garder mes petits enfants, garder mon petit fils, entretien d embauche, fievreux, fievreuse, affaibli
        affaiblie, angoisse, depression, deprime, deprimee, burn out, chimio, dialyse, garder mon fils
        garder ma fille, garder le petit, garder la petite, garder les petits, garder mon bebe, garde alternee
        garder le bebe, personne pour garder, en garde a vue, garde a vue, prison, incarcere, incarceree, volee, vole
        sans voiture, plus de voiture, pas de voiture, pas de bus, plus de bus, pas de train, plus d essence
        plus dessence, sans transport, pas de transport, pas vehicule, pas vehiculee, j ai un autre rdv
        j ai un autre rendez vous, j ai deja un rdv, autre engagement, autre obligation, trop loin, trop vieille
        trop vieux, trop agee, trop age, bled, vacances, conges, en conge, conge, conge maternite, arret maladie
        en arret, arret de travail, en deplacement, en voyage, convalescence, isolement, confine, confinee, contagieux
        contagieuse, imprevu de derniere minute, derniere minute, trouve du travail, trouve un travail
        trouve un emploi, trouve un boulot, trouve du boulot, chute, tombe, tombee, tomber, aggravation, pire, mal
        tres mal, ne va pas bien, va pas bien, va mal, pas bien, pas en etat, pas en forme, ko, kc, hs, disparu, fuite
        incendie, degat des eaux, reprise du travail, repris le travail, reprend le travail, reprends le travail
        repris le boulot, repris un travail, hospi, hospit, chimiotherapie, radiotherapie, perfusion, plus de permis
        permis retire, appele au travail, appele en urgence, un decalage de planning, de garde, d astreinte, astreinte
        de nuit, horaires changes, planning change, convoque, convoquee, mariage, bapteme, pelerinage
        entretien embauche, un entretien d embauche, un empechement, empeche par, brisee, casse la jambe
        casse le bras, casse le pied, fracturee, aliter, intoxication, infection, infecte, malaise, vertiges, nausees
        crise, tension, diarrhee, indigestion, otites, rougeole, gale, pneumonie, coqueluche, scarlatine, impetigo
        conjonctivite, oreillons, 39 de fievre, 40 de fievre, 38 de fievre, temperature, souffrants, patraque
        mal fichu, mal fichue, pas la forme, sans chauffeur, sans vehicule, plus de vehicule, plus de moyen
        pas de vehicule, plus de transport, pas de chauffeur, plus de train, plus de tram, pas de tram, pas de metro
        plus de metro, pas de taxi, pas de baby sitter, pas de nounou, pas de nourrice, plus de nounou, plus de garde
        personne pour, pas pu poser, pas pu me liberer, pas pu se liberer, pas pu avoir, pas pu prendre
        pas pu trouver, pas pu obtenir, pas d argent, plus d argent, plus un sou, pas les moyens, plus les moyens
        obligation professionnelle, conge parental, demenage a, change de ville, change d adresse
        change de departement, quitte la region, quitte la ville, quitte le departement, plus dans le departement
        plus dans la region, plus dans le secteur, plus dans la ville, plus ici, parti en, partie en, je pars en
        pars en, part en, rentre au pays, rentre au bled, trouve un logement, trouve un appartement, trouve un appart
        a trouve un logement, obtenu un logement, eu un logement, trouve une creche, trouve une formation
        trouve un stage, trouve un cdi, trouve un cdd, trouve une mission, eu un cdi, signe un cdi, signe un contrat
        signe un cdd, commence un travail, commence un nouveau travail, nouveau travail, nouveau boulot, nouveau job
        nouvel emploi, commence le travail, empechements familiaux, morts, decedes, deuils, brulure, brule, brulee
        cambriole, cambriolee, cambriolage, vol de voiture, inonde, inondee, verglace, verglas partout, eboulis
        route barree, routes coupees, travaux, covids, grossesses, enceinte, fausse couche, accouche hier
        vient de naitre, naissance de, perdu ma mere, perdu mon pere, perdu mon mari, perdu ma femme
        perdu mon travail, perdu mes papiers, trop fatiguee, trop fatigue, trop malade, trop cher, trop tot pour moi
        jambe cassee, bras casse, pied casse
        probleme regle, probleme resolu, souci regle, c est regle, est regle, c est resolu, est resolu
        c est arrange, est arrange, demarche terminee, regle par telephone, regle au telephone
        repris mon poste, reprends mon poste, repris un poste, gueri, guerie, gueris, va mieux, vais mieux, vont mieux
        pas le choix, pas d autre choix, pas d autre solution, pas trop le choix, aucun autre choix, plus le choix
        une urgence, mal aux, mal a, trouve du job, eu un poste, obtenu un poste, deja vu le medecin
    """,
    Concept.WHEN: """
        lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche, demain, demin, 2m1, 2mn, 2m, demai, dmn, ce jour
        ce jour la, jour la, dmain, 2main, 2min, deumain, domin, dem1, dm1, apres demain, aujourd hui, aujourdhui
        aujourdui, auj, ajd, hier, matin, matinee, midi, apres midi, aprem, laprem, ap midi, l aprem, soir, ce soir
        semaine, semaine prochaine, mois, jour, jours, annee, janvier, fevrier, fevier, mars, avril, juin, juillet
        aout, septembre, octobre, novembre, decembre, heure, h, heur, weekend, week end, prochain, prochaine
        prochains, date, dates, courant, cet aprem, ce matin, cet apres midi, jodi la, jodi, jod la, tomorrow, today
        monday, tuesday, wednesday, thursday, friday, manana, minutes, minute, tout a l heure, tantot
    """,
    Concept.LATER: """
        plus tard, une autre fois, autre fois, ulterieurement, prochaine fois, la prochaine fois
        autre moment plus tard, prochainement, bientot, ds quelques temps, dans quelques temps, quand ca ira mieux
        quand je pourrai, des que possible, dans les prochains jours, quand j irai mieux, quand ca sera possible
        quand je serai mieux, des que je peux, des que je pourrai, quand je peux, quand je serai retablie
        quand je serai retabli, quand il ira mieux, quand elle ira mieux, quand tout ira mieux, a un autre moment
        a une autre date, un autre jour
    """,
    Concept.ORDINAL: """
        premier, premiere, premie, prem, second, seconde, segond, deuxieme, deuzieme, dezieme, dexieme, deusieme
        2ieme, deuxiem, troisieme, troizieme, troisiem, trosieme, quatrieme, katrieme, quatriem, quatrime, catrieme
        cinquieme, sixieme
    """,
    Concept.COUNT: """
        zero, deux, deu, dex, trois, troi, trwa, quatre, katre, quatr, catre, kat, cat, cinq, six, sept, huit, neuf
        dix, one, two, three, four
    """,
    Concept.ONE: "un, une, 1n",
    Concept.THE: "le, la, les, l, lle, it",
    Concept.MY: "mon, ma, mes, notre, nos, mn, my",
    Concept.THIS: "ce, cet, cette, ces, ct, ste, celui, celle, ceux, ceci",
    Concept.OF: "de, d, du, des",
    Concept.TO: "au, aux, o, dans, ds, en, sur, pendant, depuis, par, suite a, cause, pour cause, lors",
    Concept.AT: "chez, vers",
    Concept.A: "a",
    Concept.FOR: "pour, pr, pou, por, poure, for",
    Concept.THAT: "que, qu, ke, k, q",
    Concept.CAUSE: """
        car, parce que, parceque, pcq, pck, pcke, psk, paske, par ce que, puisque, pask, donc, alors, du coup
        dans ce cas, en ce cas, dans ce cas la
    """,
    Concept.JUST: "vient de, vient d, viens de, viens d, viennent de, viennent d, venons de, venons d",
    Concept.CALLBACK: """
        rappellerai, rappelerai, rapelerai, rappellerais, rapellerai, rappellerons, recontacterai, recontacterais
        recontacterons, reviendrai, reviendrais, reviendrai vers, reviens vers, revien vers, rappelle plus tard
        rappelle pour
    """,
    Concept.WHILE: "quand, kan, kand, lorsque, lorsqu, des que, en attendant, pendant que, depuis que",
    Concept.ALL: "tout, tous, tou, toutes, toute, tt",
    Concept.AND: "et, and, e, i pi, et puis, et aussi",
    Concept.GOT: "pris, prise, obtenu, obtenue, trouve, trouvee, decroche, prevu, prevue",
    Concept.FILLER: """
        ca, sa, c, ce que, bien, trop, tres, si tot, aussi, encore, voila, voici, bon, ben alors, juste, simplement
        tout simplement, eh, ah, oh, hey, lol, mdr, xd, ptdr, est que, y, en plus, de suite, tout de suite
        immediatement, maintenant, rapidement, vite, comme, comme ca, comme sa, vraiment, grace, directement
        pour rien, wesh, en raison, a cause, de ma part, de mon cote, pour ma part, en ce qui me concerne, virgule
        point final, cher, chere, sms de ce matin, tel que demande, comme indique, conformement, suite a votre message
        suite a votre sms, suite au message, suite au sms, en reponse, re, objet, par la presente, to, the, this, that
        ali, bah, urgemment, au plus vite, le plus vite possible, des que possible svp, le plus rapidement possible
        par avance merci, s est bien, savez vous, tranquillement, tranquilou, tranquilos, donc voila, du reste
        effectivement donc, hop, alors la, allons bon, voyons, en tout cas, quoi qu il en soit, de toute facon
        de toutes facons, de tte facon, bref, en gros, au fait, d ailleurs, s en va, lah, la la, lui meme, urgent svp
        des maintenant, des a present, a present, sur le champ, illico, dans la foulee, une bonne fois, comme demande
        comme vous le demandez, comme vous dites, pure, tres cher, tres chere, par retour, aujourd hui meme
        pour de vrai, pour de bon oui
    """,
    Concept.HELLO: """
        bonjour, bonjours, bjr, bjour, bonjou, bnjr, bonsoir, bsr, bonsoi, slt, salut, coucou, cc, hello, hi, salam
        salam alaykoum, salam aleykoum, salam aleikoum, wa alaykoum salam, dzien dobry, hola, buenos dias
        bonjour a vous, rebonjour, re bonjour, cher monsieur, chere madame, madame, monsieur, mme, mr, mlle, mesdames
        messieurs, docteur, mademoiselle, madame monsieur, bondia, ola, merhaba, guten tag, buongiorno, ciao, ote
        ote la, salut a vous, msieu, m sieur, msieur, m dame, mdame, madam, mesdemoiselles, hey salut, kikou, bjrr
        bonjourr, bonjoure, bonsoire, tantie, tonton, tata, good morning, hallo, bom dia, boa tarde, buenas tardes
        buenas, salaam, sabah el kheir, messieurs dames, m sieurs dames, bien le bonjour, le bonjour, re salut
    """,
    Concept.PLEASE: """
        svp, sbp, scp, vsp, spv, svo, sv, s v p, s il vous plait, s il vous plais, s il vous plai, sil vous plait
        sil vous plais, silvouplait, silvouplai, silvouple, siouple, siouplait, stp, s t p, s il te plait
        sil te plait, s il vs plait, si vous plait, svp svp, s il vou plait, svpl, sivouplait, siou plait
        si vou plait, si vous plai, sil vs plait, silteplait, please, pls, plz, por favor, merci d avance, par avance
        d avance, merci de bien vouloir, bien vouloir, veuillez, veuiller, veillez, prie de, prie de bien vouloir
        prier de, priere de, prie, je vous prie, merci de, merci d, ayez l amabilite, ayez la gentillesse
        auriez l obligeance, soyez gentil, soyez gentille, soyez aimable, lutfen, sivouple, sivp, souple, seou plait
        bitte, prego, per favore, por favour, s il vous plaiit, sil vou plait, souple madame, si vous plais
        si te plait, svpp, svpm, svplait, siwouple, si ou ple, tanpri, si ou plait, ayez la bonte, je vous saurais gre
        saurais gre de, je te prie, je vous en prie annulez, vous en serais reconnaissant
        vous en serais reconnaissante
    """,
    Concept.POLITEIF: """
        si possible, si c est possible, si c est encore possible, si cela est possible, inch allah, inchallah
        inshallah, inchalah, si dieu veut, si dieu le veut, si c est pas trop tard, si ce n est pas trop tard
        s il n est pas trop tard, si c pas trop tard, si vous pouvez, si vous le pouvez, si vous voulez bien
        si vous le voulez bien, si ca ne vous derange pas, si ca vous derange pas, si ca ne derange pas
        si cela ne vous derange pas, si ca vous va, si ca vous convient, si vous permettez, si besoin, au besoin
        si necessaire, le cas echeant
    """,
    Concept.THANKS: """
        merci, merxi, mercu, mervi, meric, mercis, mercie, mci, mrc, mrci, merc, mersi, messi, thx, thanks, thank you
        tks, grazie, gracias, danke, obrigado, obrigada, dziekuje, merci beaucoup, merci bcp, merci bien
        merci infiniment, merci mille fois, mille mercis, mille merci, grand merci, un grand merci, remercie
        remerciement, remerciements, remercions, merci a vous, merci quand meme, mesi, merci pour tout
        merci pour l info, merci pour l information, merci pour le rappel, merci du rappel, merci de votre appel
        merci de me prevenir, merci de prevenir, merci de m avoir prevenu, merci de m avoir prevenue
        merci pour votre retour, merci de votre comprehension, merci de votre retour, merci de votre aide
        merci pour votre aide, mersi bocou, an pil, merci pour votre comprehension, merci pour votre patience
        merci pour votre message, merci de votre message, merci pour le message, merci pour ce rappel
        merci de ce rappel, merci de l info, merci de l information, merci pour les infos, merci pour votre reactivite
        merci de votre reponse, merci pour votre reponse, merci du message, merci pour votre gentillesse, tres gentil
        c est gentil, c est tres gentil, trop gentil, tres aimable, chokran, choukran, tesekkurler, sagol
        baraka lahu fik, barakallahoufik, meci, mici, marsi, merssi, 🙏, 🤝, 💐, anpil, mesi anpil, mersi anpil
        mersi bcp, choukrane, shukran, choukran bzef, chokran bzef, sukran, multumesc, muchas gracias, grazie mille
        danke schon, danke sehr, muito obrigado, muito obrigada, obrigadao, spasibo, djekuje, falemnderit, hvala
        tesekkur, tesekkur ederim, sagolun, mille grazie, merci bien a vous, merci bien monsieur
        jerejef, barak allah, barakallah, merciiii, mercii, mrc bcp, mercie beaucoup, merci encore, encore merci
        avec mes remerciements, mes remerciements, tous mes remerciements, en vous remerciant, vous remerciant
        thank u, thanks a lot, thank you very much, thnx, merki, mersy, marci
    """,
    Concept.THANKSFOR: """
        merci d avoir, merci de m avoir, merci de nous avoir, merci de l avoir, merci d avoir bien, remercie d avoir
        remercie de m avoir, remercie de l avoir, merci davoir
    """,
    Concept.POLITE: """
        desole, desolee, desoler, desoles, dsl, dsle, dzl, dezole, excuse, excuses, excusez, excuser, excusez moi
        excusez nous, mes excuses, toutes mes excuses, mille excuses, avec mes excuses, avec toutes mes excuses
        encore pardon, avec regret, avec regrets, triste, suis triste, suis desole, sommes desoles
        suis navre, sommes navres, suis confus, suis confuse, suis gene, suis vraiment desole, pardon, pardonnez
        pardonnez moi, sorry, sry
        navre, navree, oups, mince, confus, confuse, gene, pour la gene, gene occasionnee, occasionne, occasionnee
        derangement, le derangement, deranger, derange, pour le derangement, desagrement, desagrements, contrariete
        helas, malheureusement, malheuresement, malheureusment, a mon grand regret, a regret, c est dommage, dommage
        beaucoup, bcp, bocou, bokou, infiniment, bien a vous, bien a toi, bonne journee, bonne journe, bonne jrn
        bone journee, bonne soiree, bonne soire, bonne soir, bonne semaine, bonne nuit, bon weekend, bon week end
        bon we, bonne fin de journee, bonne fin de semaine, bonne fin d apres midi, bon apres midi, bonne apres midi
        bon aprem, bonne aprem, bonne continuation, bon courage, bonne reception, belle journee, belle soiree
        tres bonne journee, excellente journee, excellente soiree, bonnes fetes, joyeuses fetes, au revoir, aurevoir
        orevoir, oreuvoir, a vous aussi, a vous, vous aussi, de meme, pareillement, egalement, comprehension
        votre comprehension, patience, gentillesse, gentil, gentille, aimable, ma petite dame, ma bonne dame
        mon frere, mon ami, ma soeur, frere, frerot, bisous, bisou, biz, bises, bise, bz, dieu vous garde
        dieu vous benisse, de rien, je vous en prie, vous en prie, en prie, cordiale, gros bisous, la part, de la part
        dame, mons, chef, cheffe, secretaire, la secretaire, votre aide, pour votre aide, de votre aide, mes respects
        tout le monde, l equipe, chers, le monde, mon cher, ma chere, madame la, monsieur le, desolee du derangement
        desole du derangement, dsl du derangement, du derangement, de vous deranger, vous avoir derange
        vous avoir derangee, mes plates excuses, plates excuses, avec toutes nos excuses, nos excuses, je m excuse
        m excuse, je m en excuse, m en excuse, toutes nos excuses, bonne fete, bonnes vacances, bon dimanche
        bon samedi, bon lundi, bonne matinee, bonne apm, bon apm, bon apres midi a vous, bonne journee a vous
        bonne soiree a vous, belle fin de journee, bonne fin de soiree, bonne annee, bone soiree, bone journe
        bne journee, bonne jrnee, bonne jrne, bjne, prenez soin de vous, portez vous bien, bon boulot, bon travail
        bonne route, que dieu vous benisse, que dieu vous garde, que dieu vous protege, dieu vous protege
        dieu vous le rende, que dieu vous le rende, dieu merci, wallah, wallahi, vallah, hamdoulilah, hamdoullah
        starfoullah, hlas, tant pis pour moi, dommage pour moi, c est bete, c est triste, bye, bye bye, tchao, tchuss
        a la prochaine, bonne chance, sincerement desole, sincerement desolee, vraiment desole, vraiment desolee
        merci de votre patience, votre patience, de votre patience, de la compagnie, la compagnie, kisses, xoxo
        amicalement votre, chaleureusement, du fond du coeur, embete, embetee, navrer
    """,
    Concept.CLOSING: """
        cordialement, cordialemant, bien cordialement, tres cordialement, cdt, cdlt, cdmt, cordialment, cordialmt
        cord, salutations, salutations distinguees, mes salutations, mes salutations distinguees, sinceres salutations
        meilleures salutations, respectueusement, respectueuses, sincerement, amicalement, bien respectueusement
        l expression de, l expression de mes, veuillez agreer, agreer, veuillez recevoir, expression, sentiments
        distingues, distinguees, distingue, distinguee, respectueux, sinceres, meilleures, best regards, regards
        atentamente, signe, signee, amities, bien a vs, recevez monsieur, recevez madame, recevez mes
        recevez l expression, recevez nos, je vous prie d agreer, prie d agreer, prie de recevoir, prie de croire
        croyez, veuillez croire, bien respectueusement votre, avec mes salutations, avec mes respects, avec respect
        slts, sltions, cordialement votre, bien sincerement, bien amicalement, cordiales salutations
        mes cordiales salutations, mes sinceres salutations, mes meilleures salutations, mes respectueuses salutations
        sentiments distingues, mes sentiments
    """,
    Concept.PLEASED: """
        parfait, super, genial, nickel, ca va, sa va, impec, impeccable, tres bien, top, excellent, cool, tip top
        bien bien, tb, ras de souci, super merci, nikel chrome, niquel, nikel merci, ca me semble bon, formidable
        merveilleux, au top, trop bien, tres bien merci, parfait merci, perfect, great, good, soulage, soulagee
        impecable, impeccables, ca baigne, good good
    """,
    Concept.INTRO: """
        nom, noms, prenom, prenoms, nom de famille, lettre, lettres, letre, letres, lettr, premieres, premiere lettres
        initiale, initiales, appelle, apelle, apel, appel moi, m appelle, m apelle, mappelle, mapelle, mapel, mappel
        soussigne, soussignee, nee, naissance, jeune fille, nom de jeune fille, epouse de, veuve, vve, ep, identite
        patronyme, commence, commencant, commencent, nomme, nommee, signature, nom est, called, name, moi c est
        c est moi
    """,
    Concept.STOP: """
        stop, stopp, stop sms, stopsms, stopall, stop all, stoppe, stoppez, stopez, stoper, arret, arrets
        unsubscribe, desabonner, desabonnez, desabonne, desabonnement, desabo, desabonement, desaboner, optout
        opt out, desabonnez moi, stp stop, stop svp, stop stop
    """,
    Concept.START: """
        start, unstop, restart, reabonner, reabonnement, reabonnez, reabonnez moi, reactiver, reactivez, optin
        opt in
    """,
    Concept.HELP: """
        aide, aides, aider, aidez, aidez moi, aide moi, m aider, help, help me, info, infos, information
        informations, sos
    """,
    Concept.CALLHELP: """
        comment ca marche, comment sa marche, coment ca marche, coment sa marche, comen sa marche, comen ca marche
        comment ca fonctionne, comment sa fonctionne, comment cela fonctionne, comment marche, comment fonctionne
        ca marche comment, sa marche comment, marche comment, ca fonctionne comment, comment utiliser, mode d emploi
        quoi repondre, koi repondre, que repondre, que dois je repondre, que dois je ecrire, que faut il repondre
        qu est ce que je dois repondre, qu est ce que je reponds, que dois je faire, que faut il faire
        je dois repondre quoi, je reponds quoi, je repond quoi, faut repondre quoi, je dois faire quoi, on fait quoi
        je fais quoi, qu est ce que je dois faire, comment repondre, comment dois je repondre, comment faire
        comment on fait, comment je fais, je fais comment, on fait comment, que faire, a quoi sert, a quoi ca sert
        a quoi sa sert, ca sert a quoi, comprend rien, comprends rien, comprens rien, comprends pas, comprend pas
        compris rien, pas compris, rien compris, besoin d aide, besoin d informations, besoin d info
        quelles sont les commandes, mode emploi, quoi faire, koi faire, quoi ecrire, comment je reponds
        sert ce numero, sert ce sms, que puis je faire, qu est ce que je peux faire, comment ca se passe
        comment proceder
    """,
    Concept.SMS: """
        rappel, sms, message, messages, msg, msgs, texto, textos, smss, notification, notifications, rappels
        alertes, pub, pubs, mms
    """,
    Concept.CEASE: "arretez, arrete, arreter, arrettez, cessez, cesser, cesse",
    Concept.RECEIVE: "recevoir, recois, recoive, recevoire, recevez",
    Concept.SEND: """
        envoyer, envoyez, envoyez moi, m envoyer, spammer, spam, spamer, spammez, ecrivez, contactez, contacter
        m ecrire, harceler, harcelement, harcelez, deranger par
    """,
    Concept.AGAIN: """
        renvoyer, renvoyez, renvoye, renvoyez moi, remettez moi les, remetez moi les, remettre les, a nouveau
        de nouveau, remettez les, reenvoyer, reenvoyez, remettez en route les, reprenez l envoi, rerecevoir
        re recevoir, nouveau
    """,
    Concept.MORE: """
        suite, suitte, suit, suites, suiite, la suite, suivant, suivants, suivante, suivantes, suivan, next, more
        encore plus, voir la suite, voir plus, voir les autres, page suivante, la page suivante, afficher plus
        plus de choix, continue, continuer, continuez, et apres, la suitte, swite, swit, sui te, siute, suiet, sutie
        sutte, suyte, suitr, suote, duite, usite, suitee, la siute, suivants svp, encore svp, y a quoi d autre
        quoi d autre, et ensuite, la suite svp, encore d autres, davantage, le suivant, les suivants, la suivante
        les suivantes, page 2, page deux, pages suivantes, liste suite, suite liste, suite de la liste
        la fin de la liste, le reste de la liste, le reste des rdv, continuer la liste, voir tout, voir tous
        en voir plus, see more, swiv, lasuite, laswit, plus bas, apres ceux la, next page
    """,
    Concept.OTHERS: """
        les autres, d autre, d autres rdv, en a d autres, l autre, le reste, reste, y en a d autres
        y en a t il d autres, en avez vous d autres, avez vous d autres rdv, vous en avez d autres, il y en a d autre
        les otres, autres rdv, les autres rdv, les autres rendez vous, autres rendez vous, mes autres rdv
        mes autres rendez vous, d autres rendez vous, restants, restant, les restants
    """,
    Concept.SHOW: """
        montrez, montre, montrer, montrez moi, affiche, affichez, afficher, voir, donnez moi, envoyez moi la
        liste moi, listez, faites voir, fais voir, afiche, afichez, envoyez la, envoyez les, envoie les, envoie la
        envoyez moi les, lister
    """,
    Concept.NONE: """
        aucun des deux, aucun des trois, aucun des quatre, aucun d eux, aucun d entre eux, pas un seul, pas un
        aucune des deux, ni l un ni l autre, aucun de ceux la, aucun de ceux ci, aucun de ces rdv, aucun de ces
        aucun rdv, ni un ni deux, aucun des 2, aucun des 3, aucun des 4, none, aucun de vos, aucun n est, pas ceux la
        personne ici, anken, okenn, aucun svp, aucun d entre, aucun de tout ca, aucun finalement, aucuns
        rien de tout ca, aucun de la liste, aucun merci, aucun non, aucun annuler, rien a annuler
    """,
    Concept.PICK: """
        numero, num, nimero, nr, nro, nume, numro, option, prends, ligne, le numero, rdv numero, chiffre, en bas
        en haut, nombre, rdv num, nombr, position, nemero, numeo, numer, le num, option numero, choix numero
        numero de rdv
    """,
    Concept.SEVERAL: """
        les deux, les trois, les quatre, les 2, les 3, les 4, tous les deux, tous les 2, les 2 premiers, chacun
    """,
    Concept.ROBOT: """
        message automatique, reponse automatique, repondeur, secretariat, automatique, autoreply, auto reply
        out of office, absent du bureau, absente du bureau, actuellement absent, actuellement absente, je conduis
        ne pas repondre
    """,
}

# Everyday French without a bearing on an answer. At a confirmation such a word is unexplained, like one not known at
# all; among the three letters it is no candidate, where an unknown word is.
ORDINARY = """
    n oubliez pas, oubliez pas, euh, heu, hein, ici, la bas, comme prevu, comme convenu, comme d habitude, toujours
    meme, tel quel
    telle quelle, en l etat, ainsi, avant, apres, ensuite, cette fois, cette fois ci, une derniere fois, abord
    accueil, actuellement, affaire, ajouter, allo, anglais, appeler, appelez, appeller, apprendre
    apporter, assez, assis, assise, attente, autant, autour, autre, avec, avis, bas, beau, belle, bout, bureau
    cadeau, chance, chaque, charge, chose, choses, clair, coeur, communiquer, comprend, comprendre, comprends
    comprenez, concerne, connais, connaissez, connaitre, contact, contre, cote, coup, courriel, cours, couter, coute
    curieux, decouvrir, degage, demandez, demandent, dernier, derniere, derriere, dessous, dessus, devant, deviner
    doigt, donneee, dossiers, droit, durant, ecoute, ecouter, ecoutez, entre, ensemble, etat, exemple, existe
    facile, fache, faux, fin, fixe, fois, fond, francais, gens, grave, gros, grosse, habite, haut, histoire
    histoires, humain, idee, identifiant, ignorer, ignorez, inconnu, informatique, inutile, jeune, joindre, lire
    long, longtemps, maire, marche, marre, mauvais, mauvaise, meilleur, mieux, moins, moment, monde, mot, mots
    nouvelle, numeros, office, oubli, oublie, oublier, ouvert, parce, pareil, parler, parlez, parmi, parole, passe
    passeport, payer, pays, perdu, personne, photo, plaisanterie, plait, plusieurs, portable, porte, poste, prendre
    pres, prevenez, prevenir, prevenu, prive, privee, prouve, quelque, quelques, rappeler, rappelez, rapport
    reconnais, regarde, regarder, rentrer, repetez, robot, rue, sache, sais, savez, secret, secu, securite, sens
    sert, service, servir, seul, seule, souvent, souviens, suivre, sujet, tel, telephone, tellement, telephoner
    temps, tient, toucher, tranquille, travers, trouver, trouvez, type, utile, utiliser, venez, venu, vendre
    verifier, verite, vie, vient, voient, vois, voit, vrai, vraie, arnaque, arnaqueur, confiance, conscience
    confidentiel, donnees, marcher, lisez, ecran, clavier, lunettes, chatte, chat, chien, zut, bordel, putain, merde
    chiant, relou, nimporte, n importe, entrer, met, tapez, quelconque, redire, redites, explique, expliquer
    expliquez, explication, besoin, peur, refusez, obligatoire, souhaitez, tourne, tournez, tromper, suspect, escroc
    escroquerie, police, plainte, legal, rgpd, carte, vitale, habitude, habitudes, agent, agents, conseil, direct
    guichet, horaires, ouverture, fermeture, ferme, etage, adresses, joins, gare, rond, parking, garer, batiment
    entree, sortie, locale, departement, region, prefecture, comprenais, connait, disiez, epelle, epeler, epellez
    francaise, etrangere, maternelle, illettre, intimite, marie, mariee, divorce, divorcee, celibataire, majuscule
    majuscules, minuscule, accent, accents, tiret, espace, espaces, chiffres, alphabet, orthographe, veulent
    souvenez, retrouve, retrouver, perdre, redemande, redemandez, redonne, reessayez, reessaye, liens, plutot
    confirmez, confirmez moi, me confirmer, m confirmer, reservation, suite logique
"""

# Words that answer only where an answer was asked for: elsewhere they may be a name, its letters, or French of another
# meaning.
IN_AN_ANSWER: dict[Concept, str] = {
    Concept.YES: """
        ja, da, sim, hai, tak, ewa, iwa, aywa, aiwa, ayeh, iyeh, iye, waw, waaw, wah, waha, wakha, ouakha, wakh, oe, aye
        claro, dale, vale, jawohl, awo, да, نعم
    """,
    Concept.NO: "laa, lla, la2, nie, nem, yok, hayir, nej, oxi, deedeet",
    Concept.CANYOU: "pode, puede, puo, potete",
    Concept.THE: "lo",
}

# What number words say, by the spellings of ORDINAL, COUNT and ONE above.
NUMBERS: dict[str, int] = {
    word: value
    for value, words in enumerate(
        (
            "zero",
            "un une 1n one premier premiere premie prem",
            "deux deu dex two second seconde segond deuxieme deuzieme dezieme dexieme deusieme 2ieme deuxiem",
            "trois troi trwa three troisieme troizieme troisiem trosieme",
            "quatre katre quatr catre kat cat four quatrieme katrieme quatriem quatrime catrieme",
            "cinq cinquieme",
            "six sixieme",
            "sept",
            "huit",
            "neuf",
            "dix",
        )
    )
    for word in words.split()
}

# Words that belong to the name behind them ("da Silva", "O'Brien").
PARTICLES = frozenset(
    [
        *(
            "da",
            "de",
            "del",
            "della",
            "di",
            "do",
            "dos",
            "das",
            "du",
            "d",
            "le",
            "la",
            "les",
            "l",
            "el",
            "al",
            "van",
            "von",
        ),
        *("der", "den", "ben", "bel", "ait", "ould", "bin", "st", "saint", "san", "mac", "mc", "o", "n", "m"),
    ]
)

# Several words written as one, or as the letters they sound like.
SAID_AS_ONE = {
    "chui": "je suis",
    "chuis": "je suis",
    "jss": "je suis",
    "jsui": "je suis",
    "jpp": "je peux pas",
    "jen": "j en",
    "jy": "j y",
    "jle": "je le",
    "jla": "je la",
    "jme": "je me",
    "jne": "je ne",
    "jvous": "je vous",
    "jvs": "je vous",
    "g": "j ai",
    "ge": "j ai",
    "cest": "c est",
    "sest": "c est",
    "cetait": "c etait",
    "ct": "c etait",
    "quil": "qu il",
    "quon": "qu on",
    "dla": "de la",
    "nest": "n est",
    "sil": "s il",
}
