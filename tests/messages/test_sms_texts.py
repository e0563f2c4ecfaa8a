"""The exact text of every SMS.

With any names in it, it is GSM-7, and has one segment (a reply) or two (a notification).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import jinja2
import jinja2.meta
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.appointment_facts import AppointmentText
from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS, MOST_REPLY_ADDRESS_SEPTETS
from smsbot.messages.gsm7 import is_gsm7, segments, septets
from smsbot.messages.sms import (
    MOST_NOTIFICATION_SEGMENTS,
    MOST_SEGMENTS_WITH_A_WORD,
    MOST_WORD_SEPTETS,
    Sms,
    SmsTexts,
    SmsTooLongError,
    excess_of_word,
)
from smsbot.policy.values import MOST_LABEL_SEPTETS, MOST_NOTICE_HOURS, MOST_WARNING_SEPTETS

MAIRIE = AppointmentText(datetime(2025, 5, 12, 12, 30, tzinfo=UTC), place="Mairie de Lyon", telephone="0472103030")
WORKSHOP = replace(MAIRIE, label="Atelier CV", collective=True)
HOME = replace(MAIRIE, place=None, at_home=True)
ABROAD = replace(MAIRIE, label="RDV passeport", time_zone="America/Martinique", place="Fort-de-France")
LINK = "https://rdv.example.fr/r/Q2hhcmxlbWFnbmUx"
COMING = {"link": LINK, "two_way": True, "cancellable": True}
AFTER = {"telephone": "0472103030", "rebook_url": None, "word": None}

TEXTS: list[tuple[str, Mapping[str, object], str]] = [
    # the letters
    ("ask_letters", {}, "Pour annuler votre RDV, répondez par les 3 premières lettres de votre nom de famille."),
    (
        "explain_letters",
        {},
        "Pour vérifier que c'est vous, répondez par les 3 premières lettres de votre nom de famille ou de naissance. "
        "Exemple : Sophie Dupont, DUP.",
    ),
    (
        "wrong_letters",
        {"tries_left": 2},
        "Ces lettres ne correspondent pas. Répondez par les 3 premières lettres de votre nom de famille "
        "(encore 2 essais).",
    ),
    (
        "wrong_letters",
        {"tries_left": 1},
        "Ces lettres ne correspondent pas. Répondez par les 3 premières lettres de votre nom de famille "
        "(dernier essai).",
    ),
    (
        "locked",
        {"telephone": "3949"},
        "Trop de réponses inexactes : annuler par SMS ou par lien est bloqué pendant 24 h. "
        "Pour annuler, appelez le 3949.",
    ),
    (
        "letters_given_up",
        {"telephone": "0472103030"},
        "Nous n'avons pas pu vérifier votre identité : rien ne change. Pour annuler votre RDV, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "other_script",
        {"telephone": "0472103030"},
        "Nous ne pouvons pas vérifier votre nom par SMS : rien ne change. Pour annuler votre RDV, appelez le"
        " 04 72 10 30 30.",
    ),
    # the choice
    (
        "choose",
        {"options": [(1, MAIRIE), (2, WORKSHOP), (3, HOME)], "more": False},
        "Quel RDV annuler ? Répondez par son numéro.\n"
        "1: lun 12/05 14h30 Mairie de Lyon\n"
        "2: lun 12/05 14h30 Mairie de Lyon\n"
        "3: lun 12/05 vers 14h30",
    ),
    (
        "choose",
        {"options": [(number, MAIRIE) for number in range(9, 13)], "more": True},
        "Quel RDV annuler (Mairie de Lyon) ? Répondez par son numéro ou SUITE.\n"
        "9: lun 12/05 14h30\n"
        "10: lun 12/05 14h30\n"
        "11: lun 12/05 14h30\n"
        "12: lun 12/05 14h30",
    ),
    (
        "choose",
        {"options": [(1, MAIRIE), (2, ABROAD), (3, MAIRIE), (4, MAIRIE)], "more": False},
        "Quel RDV annuler ? Répondez par son numéro.\n"
        "1: lun 12/05 14h30 Mairie..\n"
        "2: lun 12/05 8h30 Fort-de.\n"
        "3: lun 12/05 14h30 Mairie..\n"
        "4: lun 12/05 14h30 Mairie..",
    ),
    (
        "choose",
        {"options": [(1, replace(MAIRIE, first_name="Léa")), (2, replace(MAIRIE, first_name="Tom"))], "more": False},
        "Quel RDV annuler (Mairie de Lyon) ? Répondez par son numéro.\n1: lun 12/05 14h30 Léa\n2: lun 12/05 14h30 Tom",
    ),
    (
        "choose_again",
        {"options": [(5, MAIRIE), (6, HOME)], "more": False},
        "Répondez seulement par le numéro du RDV :\n5: lun 12/05 14h30 Mairie de Lyon\n6: lun 12/05 vers 14h30",
    ),
    # the confirmation
    (
        "confirm",
        {"appointment": MAIRIE, "warning": None},
        "Voulez-vous annuler votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) ? Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": replace(MAIRIE, first_name="Léa"), "warning": None},
        "Voulez-vous annuler votre RDV pour Léa du lundi 12 mai à 14h30 (Mairie de Lyon) ? Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": replace(MAIRIE, first_name="Léa"), "warning": "Vos droits peuvent être suspendus."},
        "Votre RDV pour Léa du lun 12/05 14h30 (Mairie de Lyon). Vos droits peuvent etre suspendus. "
        "L'annuler ? Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": WORKSHOP, "warning": None},
        'Voulez-vous annuler votre participation au RDV "Atelier CV" du lundi 12 mai à 14h30 (Mairie de Lyon) ? '
        "Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": HOME, "warning": None},
        "Voulez-vous annuler votre RDV du lundi 12 mai vers 14h30 ? Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": ABROAD, "warning": None},
        "Voulez-vous annuler votre RDV passeport du lundi 12 mai à 8h30 (Fort-de-France) ? Répondez OUI ou NON.",
    ),
    (
        "confirm",
        {"appointment": MAIRIE, "warning": "Toute absence peut suspendre vos droits au RSA."},
        "Votre RDV du lun 12/05 14h30 (Mairie de Lyon). Toute absence peut suspendre vos droits au RSA. "
        "L'annuler ? Répondez OUI ou NON.",
    ),
    (
        "confirm_again",
        {"appointment": MAIRIE, "warning": None},
        "Je n'ai pas bien compris. Répondez OUI pour annuler votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon), "
        "ou NON pour ne rien changer.",
    ),
    (
        "confirm_again",
        {"appointment": MAIRIE, "warning": "Toute absence peut suspendre vos droits au RSA."},
        "Votre RDV du lun 12/05 14h30 (Mairie de Lyon). Toute absence peut suspendre vos droits au RSA. "
        "L'annuler ? Répondez par OUI ou NON.",
    ),
    (
        "confirm_moved",
        {"appointment": MAIRIE, "warning": None},
        "Attention, l'horaire a changé. Voulez-vous annuler votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) ? "
        "Répondez OUI ou NON.",
    ),
    (
        "confirm_moved",
        {"appointment": MAIRIE, "warning": "Vos droits peuvent être suspendus."},
        "Déplacé : RDV du lun 12/05 14h30 (Mairie de Lyon). Vos droits peuvent etre suspendus. "
        "L'annuler ? Répondez OUI ou NON.",
    ),
    (
        "confirm_late",
        {"appointment": MAIRIE, "warning": None},
        "Votre réponse est arrivée en retard. Annuler quand meme votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) ? "
        "Répondez OUI ou NON.",
    ),
    (
        "confirm_late",
        {"appointment": MAIRIE, "warning": "Vos droits peuvent être suspendus."},
        "Votre RDV du lun 12/05 14h30 (Mairie de Lyon). Vos droits peuvent etre suspendus. "
        "L'annuler ? Répondez OUI ou NON.",
    ),
    # the end
    (
        "cancelled",
        {"appointment": MAIRIE, "email": False, "rebook": False, "may_take_back": False},
        "C'est annulé : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon).",
    ),
    (
        "cancelled",
        {"appointment": MAIRIE, "email": False, "rebook": False, "may_take_back": True},
        "C'est annulé : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Une erreur ? Répondez ERREUR.",
    ),
    (
        "cancelled",
        {"appointment": MAIRIE, "email": True, "rebook": False, "may_take_back": True},
        "C'est annulé : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Un e-mail vous le confirme.",
    ),
    (
        "cancelled",
        {"appointment": WORKSHOP, "email": True, "rebook": True, "may_take_back": True},
        'C\'est annulé : votre participation au RDV "Atelier CV" du lundi 12 mai à 14h30 (Mairie de Lyon). '
        "Un e-mail le confirme et permet de reprendre RDV.",
    ),
    (
        "cancelled",
        {"appointment": HOME, "email": False, "rebook": True, "may_take_back": True},
        "C'est annulé : votre RDV du lundi 12 mai vers 14h30. Vous pouvez reprendre RDV en ligne.",
    ),
    (
        "kept",
        {"appointment": MAIRIE},
        "Entendu, rien ne change : nous gardons votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon).",
    ),
    # taking it back
    (
        "take_back",
        {"appointment": MAIRIE},
        "Rétablir votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) ? Répondez OUI ou NON.",
    ),
    ("take_back", {"appointment": None}, "Rétablir le RDV que vous venez d'annuler ? Répondez OUI ou NON."),
    (
        "take_back_again",
        {"appointment": WORKSHOP},
        'Je n\'ai pas bien compris. Répondez OUI pour rétablir votre participation au RDV "Atelier CV" du lundi 12 mai '
        "à 14h30 (Mairie de Lyon), ou NON : il reste annulé.",
    ),
    (
        "take_back_again",
        {"appointment": None},
        "Je n'ai pas bien compris. Répondez OUI pour rétablir le RDV que vous venez d'annuler, "
        "ou NON : il reste annulé.",
    ),
    (
        "taken_back",
        {"appointment": MAIRIE},
        "C'est rétabli : nous gardons votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon).",
    ),
    ("taken_back", {"appointment": None}, "C'est rétabli : nous gardons votre RDV."),
    (
        "stays_cancelled",
        {"appointment": WORKSHOP},
        'Entendu : votre participation au RDV "Atelier CV" du lundi 12 mai à 14h30 (Mairie de Lyon) reste annulée.',
    ),
    ("stays_cancelled", {"appointment": None}, "Entendu : le RDV que vous avez annulé reste annulé."),
    (
        "not_taken_back",
        {"telephone": "0472103030", "is_passed_on": False},
        "Ce RDV reste annulé : il ne peut plus etre rétabli par SMS. Pour joindre le service, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "not_taken_back",
        {"telephone": "0472103030", "is_passed_on": True},
        "Ce RDV reste annulé : il ne peut plus etre rétabli par SMS. Votre message est transmis au service. "
        "Si c'est pressé, appelez le 04 72 10 30 30.",
    ),
    (
        "word",
        {"appointment": MAIRIE, "word": "Entrée par la cour"},
        "Au sujet de votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Message : Entrée par la cour.",
    ),
    (
        "stands_again",
        {"appointment": MAIRIE, **COMING, "link": None},
        "Finalement, votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) a bien lieu. Pour annuler, répondez ANNULER.",
    ),
    ("abandoned", {}, "Entendu, rien ne change. Pour annuler un RDV plus tard, répondez ANNULER."),
    (
        "doubt_given_up",
        {"telephone": "0472103030", "is_passed_on": True},
        "Dans le doute, rien ne change. Votre message est transmis au service. Pour annuler votre RDV, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "doubt_given_up",
        {"telephone": "0472103030", "is_passed_on": False},
        "Dans le doute, rien ne change. Pour annuler votre RDV, appelez le 04 72 10 30 30.",
    ),
    # what cannot be
    (
        "too_late",
        {"hours": 4, "telephone": None},
        "Trop tard pour annuler par SMS : c'est possible jusqu'à 4 h avant le RDV. Pour prévenir le service, "
        "voyez lannuaire.service-public.fr",
    ),
    (
        "too_late",
        {"hours": 1.5, "telephone": "+262262902000"},
        "Trop tard pour annuler par SMS : c'est possible jusqu'à 1 h 30 avant le RDV. Pour prévenir le service, "
        "appelez le 0262 90 20 00.",
    ),
    (
        "too_late",
        {"hours": 0.5, "telephone": "0472103030"},
        "Trop tard pour annuler par SMS : c'est possible jusqu'à 30 minutes avant le RDV. Pour prévenir le service, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "not_cancellable",
        {"telephone": "0472103030"},
        "Ce RDV ne s'annule pas par SMS. Pour l'annuler, appelez le 04 72 10 30 30.",
    ),
    (
        "already_cancelled",
        {"telephone": "0472103030"},
        "Ce RDV est déjà annulé : vous n'avez rien à faire. Une question ? Pour joindre le service, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "no_appointment",
        {},
        "Aucun RDV à venir ne peut s'annuler depuis ce numéro. Pour joindre le service concerné, "
        "voyez lannuaire.service-public.fr",
    ),
    # while its source is asked, and what it has answered
    (
        "request_registered",
        {"appointment": MAIRIE},
        "Demande enregistrée : annuler votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). "
        "Ce n'est pas encore fait, nous vous le confirmerons.",
    ),
    (
        "request_under_way",
        {"telephone": "0472103030"},
        "Votre demande d'annulation est enregistrée. Nous vous dirons dès que ce sera fait. Pour joindre le service, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "taking_back_registered",
        {"appointment": MAIRIE},
        "Demande enregistrée : rétablir votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). "
        "Ce n'est pas encore fait, nous vous le confirmerons.",
    ),
    (
        "taking_back_registered",
        {"appointment": None},
        "Demande enregistrée : rétablir votre RDV. Ce n'est pas encore fait, nous vous le confirmerons.",
    ),
    (
        "taking_back_under_way",
        {"telephone": "0472103030"},
        "Votre demande de rétablir ce RDV est enregistrée. Nous vous dirons dès que ce sera fait. "
        "Pour joindre le service, appelez le 04 72 10 30 30.",
    ),
    (
        "taking_back_given_up",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Nous ne savons pas si votre RDV du lun 12/05 14h30 (Mairie de Lyon) est rétabli. "
        "Pour le vérifier, appelez le 04 72 10 30 30.",
    ),
    (
        "taking_back_given_up",
        {"appointment": None, "telephone": "0472103030"},
        "Nous ne savons pas si votre RDV est rétabli. Pour le vérifier, appelez le 04 72 10 30 30.",
    ),
    (
        "request_refused",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Nous n'avons pas pu annuler votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Pour cela, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "request_moved",
        {"appointment": MAIRIE, "telephone": "0472103030", "answerable": True},
        "Déplacé, donc maintenu : votre RDV, désormais lundi 12 mai à 14h30 (Mairie de Lyon). "
        "Pour annuler, répondez ANNULER.",
    ),
    (
        "request_moved",
        {"appointment": WORKSHOP, "telephone": "0472103030", "answerable": False},
        'Déplacé, donc maintenu : votre participation au RDV "Atelier CV", désormais lundi 12 mai à 14h30 '
        "(Mairie de Lyon). Pour annuler, appelez le 04 72 10 30 30.",
    ),
    (
        "request_revoked",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Le service a annulé votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Pour en savoir plus, "
        "appelez le 04 72 10 30 30.",
    ),
    (
        "request_held",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Le service a déjà traité votre RDV du lun 12/05 14h30 (Mairie de Lyon) : il ne s'annule plus. "
        "Pour le joindre, appelez le 04 72 10 30 30.",
    ),
    (
        "request_gone",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Votre RDV du lun 12/05 14h30 (Mairie de Lyon) n'est plus dans l'agenda du service. "
        "Pour le joindre, appelez le 04 72 10 30 30.",
    ),
    (
        "request_given_up",
        {"appointment": MAIRIE, "telephone": "0472103030"},
        "Demande restée sans réponse : annuler votre RDV du lun 12/05 14h30 (Mairie de Lyon). "
        "Pour prévenir le service, appelez le 04 72 10 30 30.",
    ),
    # around the conversation
    (
        "help",
        {},
        "Pour annuler un RDV, répondez ANNULER, puis laissez-vous guider : rien ne se fait sans votre accord final. "
        "Pour ne plus recevoir de SMS : STOP.",
    ),
    ("coming_noted", {"appointment": MAIRIE}, "C'est noté : à lundi 12 mai à 14h30. Merci d'avoir prévenu."),
    ("coming_thanked", {}, "C'est noté. Merci d'avoir prévenu."),
    (
        "other_date",
        {"booking_address": "https://rdv.fr/p?o=12", "is_passed_on": True, "telephone": None, "may_cancel": True},
        "Autre date : https://rdv.fr/p?o=12 Pour annuler le RDV actuel, répondez ANNULER.",
    ),
    (
        "other_date",
        {"booking_address": None, "is_passed_on": True, "telephone": None, "may_cancel": True},
        "Votre demande d'une autre date est transmise au service, qui verra avec vous. "
        "Pour annuler le RDV actuel, répondez ANNULER.",
    ),
    (
        "other_date",
        {"booking_address": None, "is_passed_on": False, "telephone": "0472103030", "may_cancel": True},
        "Pour une autre date, appelez le 04 72 10 30 30. Pour annuler le RDV actuel, répondez ANNULER.",
    ),
    (
        "other_date",
        {"booking_address": None, "is_passed_on": False, "telephone": None, "may_cancel": True},
        "Pour une autre date, voyez lannuaire.service-public.fr. Pour annuler le RDV actuel, répondez ANNULER.",
    ),
    (
        "other_date",
        {"booking_address": "https://rdv.fr/p?o=12", "is_passed_on": True, "telephone": None, "may_cancel": False},
        "Autre date : https://rdv.fr/p?o=12",
    ),
    (
        "other_date",
        {"booking_address": None, "is_passed_on": True, "telephone": "0472103030", "may_cancel": False},
        "Votre demande d'une autre date est transmise au service, qui verra avec vous. "
        "Si c'est pressé, appelez le 04 72 10 30 30.",
    ),
    (
        "other_date",
        {"booking_address": None, "is_passed_on": False, "telephone": None, "may_cancel": False},
        "Pour une autre date, voyez lannuaire.service-public.fr.",
    ),
    (
        "outside_flow",
        {"telephone": "+33472103030", "may_cancel": False, "is_passed_on": True},
        "Votre message est transmis au service. Votre RDV ne s'annule pas, ou plus, par SMS. "
        "Si c'est pressé, appelez le 04 72 10 30 30.",
    ),
    (
        "outside_flow",
        {"telephone": "+33472103030", "may_cancel": True, "is_passed_on": True},
        "Je ne sais qu'annuler un RDV : pour cela, répondez ANNULER. Votre message est transmis au service. "
        "Si c'est pressé, appelez le 04 72 10 30 30.",
    ),
    (
        "outside_flow",
        {"telephone": "+33472103030", "may_cancel": False, "is_passed_on": False},
        "Votre RDV ne s'annule pas, ou plus, par SMS. Pour joindre le service, appelez le 04 72 10 30 30.",
    ),
    (
        "outside_flow",
        {"telephone": None, "may_cancel": True, "is_passed_on": False},
        "Je ne sais qu'annuler un RDV : pour cela, répondez ANNULER. Pour joindre le service, "
        "voyez lannuaire.service-public.fr",
    ),
    (
        "outside_flow",
        {"telephone": None, "may_cancel": True, "is_passed_on": True},
        "Je ne sais qu'annuler un RDV : pour cela, répondez ANNULER. Votre message est transmis au service. "
        "Si c'est pressé, voyez lannuaire.service-public.fr",
    ),
    (
        "expired",
        {},
        "Votre demande est restée trop longtemps sans réponse : rien ne change. Pour recommencer, répondez ANNULER.",
    ),
    (
        "stopped",
        {},
        "Vous ne recevrez plus nos SMS. Attention, cela n'annule aucun RDV. Pour recevoir de nouveau nos SMS, "
        "répondez START.",
    ),
    ("restarted", {}, "Vous recevrez de nouveau nos SMS. Pour annuler un RDV, répondez ANNULER."),
    # notifications
    (
        "two_way",
        {"appointment": MAIRIE, **COMING},
        "Pour votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon), vous pouvez répondre à ce numéro. "
        f"Pour annuler, répondez ANNULER ou {LINK}",
    ),
    (
        "created",
        {"appointment": MAIRIE, **COMING},
        f"C'est noté : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Pour annuler, répondez ANNULER ou {LINK}",
    ),
    (
        "created",
        {"appointment": WORKSHOP, **COMING, "link": None},
        'C\'est noté : votre participation au RDV "Atelier CV" du lundi 12 mai à 14h30 (Mairie de Lyon). '
        "Pour annuler, répondez ANNULER.",
    ),
    (
        "moved",
        {"appointment": MAIRIE, **COMING, "two_way": False},
        f"Changement pour votre RDV : désormais lundi 12 mai à 14h30 (Mairie de Lyon). Pour annuler : {LINK}",
    ),
    (
        "reminder_short",
        {"appointment": MAIRIE, **COMING},
        f"Rappel : RDV du lun 12/05 14h30 (Mairie de Lyon). Annuler : répondez ANNULER ou {LINK}",
    ),
    (
        "reminder_short",
        {"appointment": WORKSHOP, **COMING, "two_way": False},
        f'Rappel : participation au RDV "Atelier CV" du lun 12/05 14h30 (Mairie de Lyon). Annuler : {LINK}',
    ),
    (
        "reminder_short",
        {"appointment": MAIRIE, **COMING, "cancellable": False},
        "Rappel : RDV du lun 12/05 14h30 (Mairie de Lyon). En cas d'empechement, appelez le 04 72 10 30 30.",
    ),
    (
        "reminder",
        {"appointment": HOME, **COMING},
        f"Rappel : votre RDV du lundi 12 mai vers 14h30. Pour annuler, répondez ANNULER ou {LINK}",
    ),
    (
        "reminder",
        {"appointment": MAIRIE, **COMING, "cancellable": False},
        "Rappel : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). En cas d'empechement, appelez le 04 72 10 30 30.",
    ),
    (
        "reminder",
        {"appointment": replace(MAIRIE, telephone=None), "link": None, "two_way": False, "cancellable": True},
        "Rappel : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). En cas d'empechement, "
        "voyez lannuaire.service-public.fr",
    ),
    (
        "reminder_asking",
        {"appointment": HOME, "link": LINK},
        f"Rappel : votre RDV du lundi 12 mai vers 14h30. Répondez JE VIENS ou ANNULER, ou annulez sur {LINK}",
    ),
    (
        "reminder_asking",
        {"appointment": MAIRIE, "link": None},
        "Rappel : votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon). Répondez JE VIENS ou ANNULER.",
    ),
    (
        "cancelled_by_service",
        {"appointment": MAIRIE, **AFTER},
        "Votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) est annulé par le service. "
        "Pour en savoir plus, appelez le 04 72 10 30 30.",
    ),
    (
        "cancelled_on_request",
        {"appointment": WORKSHOP, **AFTER, "rebook_url": "https://rdv.example.fr/org/12", "word": "à bientôt"},
        'Votre participation au RDV "Atelier CV" du lundi 12 mai à 14h30 (Mairie de Lyon) est annulée à votre demande. '
        "Message : à bientot. "
        "Reprendre RDV : https://rdv.example.fr/org/12",
    ),
    (
        "cancelled_others",
        {"appointment": MAIRIE, **AFTER},
        "Votre RDV du lundi 12 mai à 14h30 (Mairie de Lyon) est annulé : un autre participant s'est désisté. "
        "Pour en savoir plus, appelez le 04 72 10 30 30.",
    ),
]

NOTIFICATIONS = (
    *("created", "moved", "reminder", "reminder_asking", "reminder_short", "two_way"),
    *("cancelled_by_service", "cancelled_on_request", "cancelled_others", "stands_again", "word"),
)
LETTERS_QUESTIONS = {"ask_letters", "explain_letters", "wrong_letters"}
CONFIRMATIONS = {"confirm", "confirm_again", "confirm_late", "confirm_moved"}
YES_OR_NO = CONFIRMATIONS | {"take_back", "take_back_again"}


@pytest.mark.parametrize(("name", "values", "body"), TEXTS)
def test_every_text(sms_texts: SmsTexts, name: str, values: Mapping[str, object], body: str) -> None:
    most = 2 if name in NOTIFICATIONS else 1
    assert sms_texts.write(name, values, most_segments=most) == Sms(body, segments(body))


def test_every_template_is_in_the_table(sms_texts: SmsTexts) -> None:
    assert {name for name, _, _ in TEXTS} == sms_texts.names


# Whatever the names

PLACES = [
    "Centre communal d'action sociale de Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson",
    "Maison départementale des solidarités et de l’insertion – Antenne de L’Haÿ-les-Roses",
    "« France Services » de Beaujeu-Saint-Vallier-Pierrejux-et-Quitteur",
    "Y",
    "Œuvre de secours aux enfants, Bœrsch",
    "Ti Kêr Plougastell-Daoulaz / Gwengamp",
    "Fare ‘Oire nō Fa’a’ā, Tahiti",
    "Maison de quartier Pointe-à-Pitre / Les Abymes – Bâtiment Félix-Éboué",
    "Mamoudzou M’Tsapéré Kavani",
    "Dzielnicowy Ośrodek Pomocy Społecznej Łódź-Śródmieście",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "MAISON DES LETTRES ET DES 3 ARTS",
    "CENTRE LOUIS PIGNON OUI NON",
    "Annulé",
    "🏛️ Mairie 👩‍👩‍👧 du 3ᵉ",
    "\u202eeiriaM\u202c محكمة 北京",
    "Mairie\r\nBcc: tous@example.org\x00\x02\x03\x1e\x1b",
    "[{€|^~\\}]" * 20,
    "{{ 7 * 7 }}{% raw %}",
    "<script>alert(1)</script>",
    "A" * 500,
    "e\u0301" * 300,
]
names = st.sampled_from(PLACES) | st.text(max_size=60) | st.text(min_size=200, max_size=500)
telephones = st.none() | st.sampled_from(["0472103030", "+262262902000", "3949", "x" * 500, "1 2 3 " * 90]) | st.text()
appointments = st.builds(
    AppointmentText,
    starts_at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    time_zone=st.sampled_from(["Europe/Paris", "Indian/Reunion", "Pacific/Noumea", "America/Cayenne"]),
    label=st.just("RDV") | names | names.map("RDV {}".format),
    place=st.none() | names,
    at_home=st.booleans(),
    collective=st.booleans(),
    telephone=telephones,
    first_name=st.none() | names,
)
values_of_replies = st.fixed_dictionaries(
    {
        "appointment": appointments,
        "options": st.lists(st.tuples(st.integers(1, 999), appointments), min_size=1, max_size=4),
        "more": st.booleans(),
        "warning": st.none() | names,
        "telephone": telephones,
        "tries_left": st.sampled_from([1, 2]),
        "hours": st.sampled_from([0.25, 1, 4, 4.0, 36.75, 72, 720]),
        "email": st.booleans(),
        "rebook": st.booleans(),
        "booking_address": st.none() | st.just("https://".ljust(MOST_REPLY_ADDRESS_SEPTETS, "a")),
        "is_passed_on": st.booleans(),
        "may_cancel": st.booleans(),
        "answerable": st.booleans(),
        "may_take_back": st.booleans(),
    }
)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("Le bureau est fermé", "Le bureau est fermé."),
        ("Le bureau est fermé.", "Le bureau est fermé."),
        (" Désolés ! ", "Désolés !"),
        ("Pouvez-vous rappeler ?", "Pouvez-vous rappeler ?"),
        ("À suivre…", "A suivre..."),
    ],
)
@pytest.mark.parametrize("name", ["cancelled_by_service", "cancelled_on_request"])
def test_a_word_ends_as_a_sentence_does_once(sms_texts: SmsTexts, name: str, word: str, told: str) -> None:
    body = sms_texts.write(name, {"appointment": MAIRIE, **AFTER, "word": word}, most_segments=2).body
    assert f" Message : {told} Pour en savoir plus" in body


@pytest.mark.parametrize("place", ["Mairie", "Centre communal d'action sociale de Saint-Germain-en-Laye"])
@pytest.mark.parametrize("name", ["cancelled_by_service", "cancelled_on_request"])
def test_a_word_is_never_cut(sms_texts: SmsTexts, name: str, place: str) -> None:
    values = {"appointment": replace(WORKSHOP, place=place), **AFTER}
    for length in range(1, MOST_WORD_SEPTETS + 1):
        word = ("La mairie est fermée demain " * 11)[:length].strip()
        sms = sms_texts.write(name, values | {"word": word}, most_segments=MOST_SEGMENTS_WITH_A_WORD)
        assert f" Message : {word}. Pour en savoir plus" in sms.body
        assert sms.segments == segments(sms.body)


values_of_notifications = st.fixed_dictionaries(
    {
        "appointment": appointments,
        "telephone": telephones,
        "link": st.none() | st.just(LINK),
        "two_way": st.booleans(),
        "cancellable": st.booleans(),
        "word": st.none() | st.text(max_size=MOST_WORD_SEPTETS).filter(lambda word: not excess_of_word(word)),
        "rebook_url": st.none() | st.just("https://www.rdv-solidarites.fr/public_link/organisations/1234?motif=5678"),
    }
)


def check_recognisable(name: str, body: str) -> None:
    asks_letters = "3" in body and "lettres" in body.lower()
    asks_yes = "OUI" in body and "NON" in body
    assert asks_letters == (name in LETTERS_QUESTIONS)
    assert asks_yes == (name in YES_OR_NO)
    assert not body.lower().startswith("annul")
    assert body == body.strip()


LONGEST_DATE = datetime(2027, 9, 29, 12, 30, tzinfo=UTC)  # "mercredi 29 septembre 2027 vers 14h30"
LONGEST_TELEPHONES = (None, "12345678901234567890", "+1 (684) 633-1222", "0472103030", "3949")
LONGEST_ADDRESS = "https://".ljust(MOST_ADDRESS_SEPTETS, "a")
LONGEST: dict[str, tuple[object, ...]] = {
    "appointment": tuple(
        AppointmentText(
            LONGEST_DATE,
            label=label,
            place=place,
            at_home=True,
            collective=collective,
            telephone=telephone,
            first_name=first_name,
        )
        for label in ("RDV", f"RDV {'w' * MOST_LABEL_SEPTETS}"[:MOST_LABEL_SEPTETS], "é" * 300)
        for place in (None, "m" * 300)
        for collective in (False, True)
        for telephone in LONGEST_TELEPHONES
        for first_name in (None, "z" * 120)
    ),
    "telephone": LONGEST_TELEPHONES,
    "warning": (None, "é" * MOST_WARNING_SEPTETS),
    "hours": (0.01, 4, MOST_NOTICE_HOURS - 0.02, MOST_NOTICE_HOURS),
    "email": (False, True),
    "rebook": (False, True),
    "tries_left": (1, 2, 3),
    "more": (False, True),
    "link": (None, LONGEST_ADDRESS),
    "rebook_url": (None, LONGEST_ADDRESS),
    "booking_address": (None, LONGEST_ADDRESS[:MOST_REPLY_ADDRESS_SEPTETS]),
    "is_passed_on": (False, True),
    "may_cancel": (False, True),
    "two_way": (False, True),
    "answerable": (False, True),
    "cancellable": (False, True),
    "may_take_back": (False, True),
    "word": (None, "w" * MOST_WORD_SEPTETS),
}


def values_used(environment: jinja2.Environment, name: str) -> set[str]:
    """The values that a template and the templates that it includes use."""
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, f"sms/{name}.txt")[0])
    used = jinja2.meta.find_undeclared_variables(tree)
    return used | {"more", "options"} if "choose" in name else used


@pytest.mark.parametrize("name", sorted({text[0] for text in TEXTS}))
def test_the_longest_that_settings_allow_always_fits(
    environment: jinja2.Environment, sms_texts: SmsTexts, name: str
) -> None:
    """No combination of the longest values raises `SmsTooLongError`, which would stop a cancellation."""
    used = sorted(values_used(environment, name) - {"options", "shared_place"})
    most = MOST_NOTIFICATION_SEGMENTS if name in NOTIFICATIONS else 1
    options = [(997 + index, LONGEST["appointment"][-1]) for index in range(4)]
    for combination in product(*(LONGEST[each] for each in used)):
        values = dict(zip(used, combination, strict=True)) | {"options": options}
        if values.get("word"):
            most = MOST_SEGMENTS_WITH_A_WORD
        body = sms_texts.write(name, values, most_segments=most).body
        if values.get("word"):
            assert f" Message : {'w' * MOST_WORD_SEPTETS}. " in f"{body} "
        if values.get("warning"):
            assert "é" * MOST_WARNING_SEPTETS in body
        if "://" in body:
            assert (LONGEST_ADDRESS if most > 1 else LONGEST_ADDRESS[:MOST_REPLY_ADDRESS_SEPTETS]) in body


@pytest.mark.parametrize("name", ["choose", "choose_again"])
def test_three_lines_have_room_for_first_names(sms_texts: SmsTexts, name: str) -> None:
    people = ("Jean-Baptiste", "Jean-Bertrand", "Jean-Bernard")
    options = [
        (
            97 + index,
            replace(MAIRIE, starts_at=LONGEST_DATE, at_home=True, first_name=first_name, place=f"{index}" * 99),
        )
        for index, first_name in enumerate(people)
    ]
    body = sms_texts.write(name, {"options": options, "more": True}).body
    assert len({line.split(" ", 1)[1] for line in body.splitlines()[1:]}) == len(people)


@given(values=values_of_replies)
def test_a_reply_is_one_segment_whatever_the_names(sms_texts: SmsTexts, values: Mapping[str, object]) -> None:
    for name in sms_texts.names.difference(NOTIFICATIONS):
        sms = sms_texts.write(name, values)
        assert is_gsm7(sms.body)
        assert septets(sms.body) <= 160
        assert sms.segments == segments(sms.body) == 1
        check_recognisable(name, sms.body)


@given(values=values_of_notifications)
def test_a_notification_is_two_segments_at_most_but_for_an_agents_word(
    sms_texts: SmsTexts, values: Mapping[str, object]
) -> None:
    for name in NOTIFICATIONS:
        most = MOST_SEGMENTS_WITH_A_WORD if values["word"] else MOST_NOTIFICATION_SEGMENTS
        sms = sms_texts.write(name, values, most_segments=most)
        assert is_gsm7(sms.body)
        assert sms.segments == segments(sms.body) <= most
        check_recognisable(name, sms.body)


@given(values=values_of_replies)
def test_dates_numbers_and_answers_are_never_shortened(
    environment: jinja2.Environment, sms_texts: SmsTexts, values: dict[str, AppointmentText]
) -> None:
    appointment = values["appointment"]
    date = environment.filters["long_date"](appointment).replace("û", "u")
    asked = sms_texts.write("confirm", {"appointment": appointment, "warning": None}).body
    assert f" du {date}" in asked
    assert asked.endswith("Répondez OUI ou NON.")
    told = sms_texts.write("too_late", {"hours": 4, "telephone": values["telephone"]}).body
    number = environment.filters["telephone"](values["telephone"])
    assert told.endswith(f"appelez le {number}." if number else "voyez lannuaire.service-public.fr")


@pytest.mark.parametrize("name", sorted(CONFIRMATIONS))
@pytest.mark.parametrize("days", [9, 100, 900])
@pytest.mark.parametrize("length", [1, 35, 70])
def test_a_warning_of_70_septets_is_told_whole(sms_texts: SmsTexts, length: int, days: int, name: str) -> None:
    starts_at = MAIRIE.starts_at + timedelta(days=days)
    longest = replace(WORKSHOP, starts_at=starts_at, place=PLACES[0], label="Permanence de l'écrivain public")
    warning = "é" * length
    assert f" {warning}. " in sms_texts.write(name, {"appointment": longest, "warning": warning}).body


@pytest.mark.parametrize(
    ("warning", "told"),
    [
        ("Prochaine date dans trois mois", "Prochaine date dans trois mois."),
        ("Prochaine date dans trois mois, oui", "Prochaine date dans trois mois, oui."),
        ("Prochaine date dans trois mois.", "Prochaine date dans trois mois."),
        ("Est-ce bien sûr ? ", "Est-ce bien sur ?"),
        ("Vos droits cessent !", "Vos droits cessent !"),
        ("À suivre…", "A suivre..."),
        ("Attention :", "Attention."),
    ],
)
@pytest.mark.parametrize("name", sorted(CONFIRMATIONS))
def test_a_warning_ends_as_a_sentence_does_once(sms_texts: SmsTexts, name: str, warning: str, told: str) -> None:
    sms = sms_texts.write(name, {"appointment": MAIRIE, "warning": warning})
    assert f". {told} L'annuler ? Répondez" in sms.body
    assert sms.segments == 1


@pytest.mark.parametrize("name", sorted(CONFIRMATIONS))
@pytest.mark.parametrize("end", ["", ".", " !"])
def test_a_warning_that_gives_way_ends_once_too(sms_texts: SmsTexts, name: str, end: str) -> None:
    """It ends with whole words and "..", or with a cut word and ".": never with three dots, and never with none."""
    for length in range(60, 200):
        body = sms_texts.write(
            name, {"appointment": MAIRIE, "warning": "Attention " * (length // 10) + "x" * 9 + end}
        ).body
        assert re.search(r"[^.](?:\.{1,2}| !) L'annuler \? Répondez", body)


def test_a_second_segment_is_taken_rather_than_a_name_nobody_recognises(sms_texts: SmsTexts) -> None:
    long_place = replace(MAIRIE, place=PLACES[0])
    told = sms_texts.write("created", {"appointment": long_place, **COMING}, most_segments=2)
    assert told.segments == 1
    assert "(Centre communal d'action sociale..)" in told.body
    told = sms_texts.write("created", {"appointment": replace(WORKSHOP, place=PLACES[0]), **COMING}, most_segments=2)
    assert told.segments == 2
    assert f"({PLACES[0]})" in told.body


def test_what_may_not_be_shortened_and_does_not_fit_is_a_clear_error(sms_texts: SmsTexts) -> None:
    with pytest.raises(SmsTooLongError, match="'reminder' does not fit in 2 segment"):
        sms_texts.write("reminder", {"appointment": MAIRIE, **COMING, "link": "https://x/" * 40}, most_segments=2)


def test_a_missing_value_is_an_error_and_not_a_hole_in_the_text(sms_texts: SmsTexts) -> None:
    with pytest.raises(jinja2.UndefinedError, match="warning"):
        sms_texts.write("confirm", {"appointment": MAIRIE})
    with pytest.raises(KeyError):
        sms_texts.write("unheard_of", {})


def test_only_what_is_done_is_called_annule() -> None:
    """People look for this word first. It must not be in an SMS about an appointment that was not cancelled."""
    done = {"cancelled", "already_cancelled", "cancelled_by_service", "cancelled_on_request", "cancelled_others"}
    done |= {"take_back_again", "stays_cancelled", "not_taken_back"}  # it is cancelled, and stays so
    done.add("request_revoked")  # the service cancelled it while the usager's request was on its way
    saying = {name for name, _, body in TEXTS if "annulé" in body}
    assert saying <= done
