"""Sensitive topics by code: ICD-10, LOINC, SNOMED CT, ATC, ICD-9-CM procedures. Rules version as in `topics`.

ICD-10 prefixes are the WHO's, from the project's classification table (clinical-rules section 4.3), with the 乙类
diseases of 传染病防治法 it leaves to a dated list (A01, A03, A06, A23, A83.0, A90, A91, A97, A98.5, B04, B05, B65,
J09). SNOMED CT concepts are single ones, no subsumption. LOINC and SNOMED CT: those of the table, more of the same
kind, and examples of the SHIFT SLS value sets. They err on the side of too sensitive; a coder of the institution must
review them before production.
"""

from __future__ import annotations

from typing import Final

from salus.core.labels import Topic

ICD_10: Final[dict[Topic, str]] = {
    Topic.HIV: "B20-B24 Z21 R75 O98.7 F02.4 Z11.4 Z20.6 Z71.7",
    Topic.STD: "A50-A64 Z11.3 O98.1 O98.2 O98.3",
    Topic.MH: "F00-F09 F20-F69 F90-F99 X60-X84 Z91.5",
    Topic.SUD: "F10-F19 K70 G31.2 T40 Y90 Y91 Z71.4 Z71.5 R78.0 R78.1 R78.2 R78.3 R78.4 R78.5 P96.1 Z86.4",
    Topic.GDIS: "Q90-Q99 D56-D58 D66 D67 D68.0 D68.1 E70-E77 E84 G10-G12 G71 Z31.5 Z80-Z84",
    Topic.SEX: "N46 N97 N98 F52 F64-F66 N48.4 Z30 Z31 Z64.0",
    Topic.PREGNANT: "O00-O99 Z32-Z36 Z39",
    Topic.SDV: "T74 Y05-Y07 Z04.4 Z04.5 Z61.4 Z61.5 Z61.6",
    Topic.NOTIFIABLE: (
        "A00 A01 A03 A06 A15-A20 A22 A23 A27 A33-A39 A80-A82 A83.0 A90 A91 A97 A98.5 B04 B05 B15-B19 B50-B54 B65 "
        "J09 U04.9 U07.1 U07.2"
    ),
    Topic.HBV: "B16 B17.0 B18.0 B18.1 Z22.5",
    Topic.DVD: "F70-F89 F00-F03 G30",
}

LOINC: Final[dict[Topic, str]] = {
    Topic.HIV: (
        "25836-8 25842-6 9836-8 89365-1 20447-9 56888-1 7917-8 7918-6 5221-7 5222-5 29893-5 30361-0 31201-7 68961-2 "
        "75622-1 80387-4 24467-3 80203-3"
    ),
    Topic.STD: (
        "20507-0 20508-8 22461-8 31147-2 5291-0 5292-8 22587-0 24110-9 24312-1 5392-6 5393-4 47236-5 43304-5 43305-2 "
        "21440-3 59420-0 77379-6 92684-0"
    ),
    Topic.HBV: (
        "5195-3 5196-1 5193-8 5194-6 5197-9 10900-9 13952-7 13953-5 13954-3 16933-4 16935-9 22316-4 22322-2 24113-3 "
        "29615-2 42595-9 63557-3"
    ),
    Topic.MH: "44261-6 44249-1 69737-5 70274-6 89208-3 89204-2",
    Topic.SUD: "74013-4 75626-2 72110-0 5640-8 5643-2 3426-4 3397-7 3349-8 19295-5",
    Topic.PREGNANT: "2106-3 2112-1 2118-8 19080-1 21198-7 45194-8 82810-3 11778-8 48800-7",
    Topic.SEX: "9780-8 10570-0 9763-4 50827-5 15067-2 10501-5 2243-4 2839-9 2986-8 38476-8",
    Topic.GDIS: "29770-5 51969-4 48018-6 81247-9 21636-6 21639-0 48800-7",
    Topic.NOTIFIABLE: "94500-6 94558-4 94309-2 16128-1 13955-0 11259-9 38379-4",
    Topic.DVD: "72106-8 72172-0",
    Topic.IDENTITY: "76690-7 76691-5 32624-9 72826-1 69490-1 81364-2",
}

SNOMED_CT: Final[dict[Topic, str]] = {
    Topic.HIV: "86406008 62479008 165816005 91947003 31676001",
    Topic.STD: "76272004 15628003 33839006 105629000 240542006 269828009 310861008 428015005 165829005",
    Topic.HBV: "66071002 61977001 47758006",
    Topic.MH: (
        "35489007 370143000 310496002 58214004 13746004 48694002 197480006 47505003 6471006 82313006 44301001 86849004 "
        "192127007 406506008 191736004 69322001 171207006 720433000 88848003 1376001"
    ),
    Topic.SUD: (
        "66590003 75544000 66214007 191816009 7200002 5602001 6525002 145121000119106 56876005 61480009 60112009 "
        "266707007 724713006 15167005"
    ),
    Topic.GDIS: "41040004 40108008 28293008 190905008 58756001 444260001 417357006 267253006",
    Topic.SEX: "15296000 2904007 6738008 52637005 13197004 93461009",
    Topic.PREGNANT: (
        "77386006 72892002 47200007 17369002 18391007 714812005 386394001 11466000 79586000 398254007 252160004 "
        "424441002 156073000 19169002 85116003 35999006"
    ),
    Topic.SDV: "706893006 713834002 95922009",
    Topic.NOTIFIABLE: (
        "56717001 154283005 66071002 61977001 50711007 128302006 40468003 840539006 61462000 14189004 63650001 "
        "58750007 14168008 38362002 409498004 27836007 397428000 4834000 75702008 30242009 359814004"
    ),
    Topic.DVD: "408856003 35919005 52448006 26929004 110359009 230265002",
    Topic.IDENTITY: "42035005",
}

# Antiretrovirals, psycholeptics and psychoanaleptics, drugs used in addictive disorders; and by the same reasoning
# drugs of hepatitis B, of tuberculosis and hepatitis C, sex hormones, drugs that end or help a birth
ATC: Final[dict[Topic, str]] = {
    Topic.HIV: (
        "J05AR J05AE J05AG J05AJ J05AX07 J05AX09 J05AF01 J05AF02 J05AF03 J05AF04 J05AF05 J05AF06 J05AF07 J05AF09"
    ),
    Topic.HBV: "J05AF05 J05AF07 J05AF08 J05AF10 J05AF11 J05AF12 J05AF13",
    Topic.MH: "N05 N06",
    Topic.DVD: "N06D",
    Topic.SUD: "N07B N02AE01",
    Topic.SEX: "G03 G02BA G02BB G04BE",
    Topic.PREGNANT: "G02A G03XB01 H01BB02 G03XB51",
    Topic.NOTIFIABLE: "J04A J05AP",
}
# Protease inhibitors by class, no treatment of HIV: boceprevir, telaprevir, nirmatrelvir with ritonavir
ATC_NOT: Final[dict[Topic, str]] = {Topic.HIV: "J05AE11 J05AE12 J05AE30", Topic.SEX: "G03XB01 G03XB51"}
# An insurance code ends at the fourth level: what any drug of the class may be
ATC_4: Final[dict[Topic, str]] = {Topic.HIV: "J05AF", Topic.HBV: "J05AF"}

# ICD-9-CM volume 3, as Chinese hospitals code operations (手术操作分类)
ICD_9_PROCEDURES: Final[dict[Topic, str]] = {
    Topic.PREGNANT: "69.01 69.02 69.51 69.52 72 73 74 75",
    Topic.SEX: "63.7 66.2 66.3 69.7 69.92 97.71",
    Topic.MH: "94.1 94.2 94.3 94.4",
    Topic.SUD: "94.5 94.6",
}
